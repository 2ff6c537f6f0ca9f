"""Time and memory of batch scoring for more and more images: time must be linear, memory flat.

Run `python -m benchmarks.batch_scale --plot docs/images/batch-scale.svg`. It draws small images, trains a tiny model,
puts both into an S3 server of its own, and runs the tasks of the batch pipeline as the pods do, each in a process of
its own: one `listing`, a `scoring` per thousand images, one `gathering`. Processor time counts, with each task's start.

What would take too long is not run: of a size's shards only the first `--real` are scored, and the others are taken to
cost as much as these; what was run and what was not stands in each row.
"""

import argparse
import math
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.measurement import machine
from benchmarks.scale_plot import Point, draw_plot
from csad.common import atomic
from csad.common.progress import track
from csad.common.tables import markdown_table
from csad.config.line import ProductLine
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.registry import ModelLabels, register_model
from csad.store.settings import StoreSettings
from csad.store.transfer import in_parallel
from kfp_client.parameters import git_commit

SHARD = 1000
"""Images of one task."""
SIDE = 128
DRAWN = 200
"""Different images; objects repeat them under other names."""
LINE = """
name: scale
images: {area: 16384}
pseudo_labels: {rotations: 2, bandwidth_quantile: 0.3, minimum_image_fraction: 0.5}
segmentation: {steps: 60, batch: 2}
histogram: {codebook_size: 16}
lgst: {max_components: 4, coreset_size: 800}
runtime: {export: false}
"""


@dataclass(frozen=True)
class Cost:
    """What a process took.

    Attributes:
        seconds: Processor time, the start included.
        megabytes: Largest resident memory.
    """

    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Scale:
    """One size.

    Attributes:
        images: Number of images.
        listing: Cost of that task; its memory grows with the list.
        listed: It was run at this size.
        scoring: Costs of the shards that were run.
        gathering: Cost of that task, always run at this size, on rows that repeat those of real shards.
    """

    images: int
    listing: Cost
    listed: bool
    scoring: Sequence[Cost]
    gathering: Cost

    @property
    def shards(self) -> int:
        """Tasks that score."""
        return -(-self.images // SHARD)

    @property
    def seconds(self) -> float:
        """Processor time of all tasks."""
        each = sum(cost.seconds for cost in self.scoring) / len(self.scoring)
        return self.listing.seconds + self.shards * each + self.gathering.seconds

    def row(self) -> tuple[str, ...]:
        """For the table."""
        scored = max(cost.megabytes for cost in self.scoring)
        run = f"{len(self.scoring)} of {self.shards} shards" + ("" if self.listed else "; listing not run")
        return (
            f"{self.images:,}",
            f"{self.seconds:,.0f}",
            f"{1000 * self.seconds / self.images:.1f}",
            f"{self.listing.megabytes:.0f}" if self.listed else "-",
            f"{scored:.0f}",
            f"{self.gathering.megabytes:.0f}",
            "all" if len(self.scoring) == self.shards and self.listed else run,
        )


def draw_image(seed: int) -> Image.Image:
    """A red disc, a green square and a blue bar on grey, each moved by a few pixels, with noise; 128 x 128."""
    generator = np.random.default_rng(seed)
    image = Image.new("RGB", (SIDE, SIDE), (205, 205, 205))
    canvas = ImageDraw.Draw(image)
    corners = np.array(((22, 22), (76, 24), (28, 82))) + generator.integers(-3, 4, (3, 2))
    (x, y), (u, v), (s, t) = corners.tolist()
    canvas.ellipse((x, y, x + 32, y + 32), fill=(200, 40, 40))
    canvas.rectangle((u, v, u + 28, v + 28), fill=(40, 160, 60))
    canvas.rectangle((s, t, s + 70, t + 18), fill=(40, 60, 190))
    noisy = np.asarray(image) + generator.normal(0, 3, (SIDE, SIDE, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def measured(work: Callable[..., object], *given: object) -> tuple[Cost, object]:
    """Run a function of this module in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (work, *given))


def _measure(work: Callable[..., object], *given: object) -> tuple[Cost, object]:
    done = work(*given)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Cost(used.ru_utime + used.ru_stime, _peak_megabytes()), done


def _peak_megabytes() -> float:
    """Largest resident memory of this program; `ru_maxrss` would be that of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kilobytes) / 1024


def list_task(settings: StoreSettings, images: str) -> str:
    """The listing task: the plan's address."""
    from csad.batch.models import LATEST, choose_model
    from csad.batch.plan import put_plan
    from csad.batch.sources import Sources

    store = ObjectStore.connect(settings)
    return put_plan(store, "scale", choose_model(store, "scale", LATEST), Sources(settings).list(images))[0]


def score_task(settings: StoreSettings, plan: str, number: int, of: int, output: Path) -> int:
    """A scoring task: how many images it scored."""
    import torch

    from csad.batch.plan import read_plan
    from csad.batch.shard import score_shard
    from csad.runner.shard import Shard

    torch.set_num_threads(1)
    store = ObjectStore.connect(settings)
    return score_shard(store, read_plan(store, plan), Shard(number, of), output).images


def gather_task(shards: Sequence[Path], output: Path) -> int:
    """The gathering task: how many rows it wrote."""
    from csad.batch.merging import merge

    return merge(shards, output, {"csad_model": "", "csad_images": ""}, 0, 0).images


def repeat_rows(source: Path, folder: Path, count: int) -> list[Path]:
    """Write files with the rows of a real shard, a thousand each, under other names."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = parquet.read_table(source).to_pylist()
    files = []
    for index in range(count):
        names = [f"s3://camera/{index:06d}/{number:06d}.png" for number in range(SHARD)]
        table = pa.Table.from_pylist([rows[number % len(rows)] | {"file": name} for number, name in enumerate(names)])
        files.append(folder / f"{index}.parquet")
        parquet.write_table(table.cast(_schema(source)), files[-1])
    return files


def _schema(source: Path) -> object:
    from pyarrow import parquet

    return parquet.read_schema(source)


class Benchmark:
    """A server with a model and images, and the sizes that are measured on it."""

    def __init__(self, settings: StoreSettings, folder: Path, real: int) -> None:
        self._settings, self._folder, self._real = settings, folder, real
        self._store = ObjectStore.connect(settings)
        self._stored = 0
        self._drawn: list[bytes] = []

    def prepare(self) -> None:
        """Draw images, train on some of them and register the model."""
        from csad.stages.training import train

        for index in range(DRAWN):
            file = self._folder / "drawn" / f"{index:03d}.png"
            file.parent.mkdir(exist_ok=True)
            draw_image(index).save(file)
            self._drawn.append(file.read_bytes())
        good = self._folder / "data"
        good.mkdir()
        for index in range(20):
            draw_image(10_000 + index).save(good / f"{index:03d}.png")
        line = ProductLine.from_yaml(LINE)
        model = train(line, good, self._folder / "model", seed=0).model
        register_model(self._store, model, ModelLabels("scale", "d" * 64, git_commit(), line.digest(), 0, {}))

    def measure(self, images: int, listed: Scale | None) -> Scale:
        """Run the tasks of a size.

        Args:
            images: Number of images.
            listed: A smaller size, whose listing and scoring stand for those of this one; None runs them.
        """
        shards = -(-images // SHARD)
        folder = self._folder / str(images)
        folder.mkdir()
        if listed is None:
            self._put_images(images)
            listing, plan = measured(list_task, self._settings, f"s3://{self._settings.bucket}/camera/{images}/")
            scoring = []
            for number in range(1, min(self._real, shards) + 1):
                output = folder / f"real-{number}.parquet"
                cost, _ = measured(score_task, self._settings, plan, number, shards, output)
                scoring.append(cost)
            self._example = folder / "real-1.parquet"
        else:
            listing = Cost(listed.listing.seconds * images / listed.images, math.nan)
            scoring = listed.scoring
        files = repeat_rows(self._example, folder, shards)
        gathering, rows = measured(gather_task, files, folder / "all.parquet")
        assert rows == shards * SHARD
        return Scale(images, listing, listed is None, scoring, gathering)

    def _put_images(self, images: int) -> None:
        def put(number: int) -> None:
            self._store.put_bytes(f"camera/{images}/{number:06d}.png", self._drawn[number % DRAWN])

        for _ in track(in_parallel(put, range(images)), f"Storing {images} images", total=images):
            continue


def main() -> None:
    """Measure each size and print the table; write the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000], help="images, listed and put for real")
    parser.add_argument("--extrapolate", type=int, nargs="*", default=[100_000], help="sizes from the largest of them")
    parser.add_argument("--real", type=int, default=3, help="shards of each size that are scored (default: 3)")
    parser.add_argument("--plot", type=Path, help="SVG file to write")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="csad-batch-scale-") as name, EmbeddedStore(Path(name) / "store") as server:
        benchmark = Benchmark(server.settings, Path(name), options.real)
        benchmark.prepare()
        scales = [benchmark.measure(images, None) for images in options.sizes]
        scales += [benchmark.measure(images, scales[len(options.sizes) - 1]) for images in options.extrapolate]
    head = ("images", "processor s", "ms an image", "listing, MB", "a shard, MB", "gathering, MB", "run for real")
    print(markdown_table(head, [scale.row() for scale in scales]))
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d}, commit {git_commit()[:12]}, {machine()}, seed 0, one thread a task, ", end=""
    )
    print(f"{SIDE} x {SIDE} px, shards of {SHARD}; {time.monotonic() - started:.0f} s in all")
    if options.plot:
        points = [
            Point(scale.images, scale.seconds, max(cost.megabytes for cost in scale.scoring), scale.listed)
            for scale in scales
        ]
        atomic.write_text(options.plot, draw_plot(points))


if __name__ == "__main__":
    main()
