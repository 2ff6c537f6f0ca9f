"""Speed of scoring, of clustering and of the mask filters.

Run `make bench` after `make demo`, or `python -m benchmarks.speed MODEL --images FOLDER`.

Images are decoded beforehand. Latencies are medians after a warm-up, and freed memory is kept as `csad score` keeps it;
the start is a new process from its first instruction to its first score.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.datasets import EXAMPLE, ROOT
from benchmarks.measurement import machine
from csad.common.errors import CsadError
from csad.compute.malloc import tune_malloc
from csad.images import read_rgb
from csad.images.reading import EXTENSIONS
from csad.scoring.model_files import MANIFEST
from csad.scoring.scorer import Scorer

MODEL = ROOT / "demo" / "model"
IMAGES = EXAMPLE / "data" / "test" / "good"
BATCH = 8
PARTS = ("scorer", "mean_shift", "refine")
START = """
import sys
from pathlib import Path
from csad.images import read_rgb
from csad.scoring.scorer import Scorer
Scorer.load(Path(sys.argv[1]), device=sys.argv[3]).score(read_rgb(Path(sys.argv[2])))
"""


def measure_scorer(model: Path, images: Path, device: str, repeats: int, warm_up: int) -> None:
    """Print start, latency of one image and of a batch, throughput and memory.

    Args:
        model: Model folder.
        images: Folder of images; they are taken in turn.
        device: "cpu", "cuda" or "cuda:N".
        repeats: Timed calls.
        warm_up: Calls before them.

    Raises:
        CsadError: The model or an image cannot be read, or there is no image.
    """
    files = [path for path in sorted(images.iterdir()) if path.suffix.lower() in EXTENSIONS][: max(BATCH, repeats)]
    if not files:
        raise CsadError(f"no images in {images}; name a folder of images with --images")
    pictures = [read_rgb(path) for path in files]
    scorer = Scorer.load(model, device=device)
    height, width, _ = pictures[0].shape
    canvas = scorer.manifest.canvas
    print(f"scorer of {scorer.line.name} on {device} ({machine()}, {torch.get_num_threads()} threads)")
    print(f"  images {width}x{height}, canvas {canvas.width}x{canvas.height}, {scorer.line.backbone.name}")
    starts = [_seconds(lambda: _start(model, files[0], device)) for _ in range(3)]
    single = _median(lambda index: scorer.score(pictures[index % len(pictures)]), repeats, warm_up)
    batch = _median(lambda index: scorer.score_batch(_some(pictures, index)), max(3, repeats // BATCH), warm_up)
    print(f"  new process to first score   {median(starts):6.2f} s")
    print(f"  one image                    {1000 * single:6.1f} ms  {1 / single:6.1f} images/s")
    print(f"  batch of {BATCH}                   {1000 * batch:6.1f} ms  {BATCH / batch:6.1f} images/s")
    print(f"  peak memory                  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:6.2f} GB")


def _some(pictures: list[NDArray[np.uint8]], index: int) -> list[NDArray[np.uint8]]:
    return [pictures[(BATCH * index + offset) % len(pictures)] for offset in range(BATCH)]


def _start(model: Path, image: Path, device: str) -> None:
    subprocess.run([sys.executable, "-c", START, str(model), str(image), device], cwd=ROOT, check=True)


def _median(call: Callable[[int], object], repeats: int, warm_up: int) -> float:
    """Median seconds of a call; scores lie on the CPU when it returns, so nothing is left to wait for."""
    for index in range(warm_up):
        call(index)
    return median(_seconds(partial(call, index)) for index in range(repeats))


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    """Measure the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "model", type=Path, nargs="?", help="model folder; default: demo/model, which `make demo` trains"
    )
    parser.add_argument("--images", type=Path, default=IMAGES, help="default: the example's good test images")
    parser.add_argument("--device", default="cpu", help="default: cpu")
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help=f"of: {', '.join(PARTS)}")
    options = parser.parse_args()
    tune_malloc()
    if "scorer" in options.only:
        if options.model is None and not (MODEL / MANIFEST).is_file():
            print("scorer: no model in demo/model, left out; `make demo` trains one, or name a model folder")
        else:
            model = (options.model or MODEL).resolve()
            try:
                measure_scorer(model, options.images.resolve(), options.device, options.repeats, options.warm_up)
            except CsadError as error:
                sys.exit(f"Error: {error}")
    for part in ("mean_shift", "refine"):
        if part in options.only:
            print(f"\n{part.replace('_', ' ')}", flush=True)
            subprocess.run([sys.executable, "-m", f"benchmarks.{part}_speed"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
