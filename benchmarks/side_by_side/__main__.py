"""csad beside anomalib and the authors' network in one run: time, memory, size, start, and detection where possible.

    python -m benchmarks.side_by_side MODEL --data examples/fastener_kit/data --authors CHECKOUT

Run `make bench` after `make demo`; `make anomalib` makes the environment of anomalib, without which csad and PatchCore
on its backbone are measured alone. Every method runs in each runtime in a process of its own, and they take turns.
Beside the time of the clock stands that of the processors, which other programs hardly change. Networks whose
pretrained weights are not at hand have random ones: their time is the same, their detection is not measured.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

from benchmarks import patches
from benchmarks.datasets import EXAMPLE, ROOT
from benchmarks.measurement import machine
from benchmarks.side_by_side import accuracy
from benchmarks.side_by_side.contenders import ENVIRONMENT, PATCHCORE, Contender, anomalib, authors, ours
from benchmarks.side_by_side.loading import BATCHES
from benchmarks.side_by_side.picture import picture
from benchmarks.side_by_side.results import Comparison, markdown, row
from benchmarks.side_by_side.turns import measure
from csad.common import atomic
from csad.common.errors import CsadError
from csad.compute.cpu import usable_cpus
from csad.images.reading import read_rgb
from csad.scoring.model_files import MANIFEST

MODEL = ROOT / "demo" / "model"
IMAGES = 16
"""Images that are scored in turn."""

PACKAGES = ("torch", "onnxruntime", "openvino", "timm")


def write_inputs(images: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Decode images once for all contenders.

    Returns:
        By the kind of contender: images as they are, uint8 (H, W, 3); squares of them, uint8 (256, 256, 3); the same
        for a network, float32 (3, 256, 256) in 0..1.
    """
    decoded = [read_rgb(path) for path in images]
    squares = [patches.square(image) for image in decoded]
    prepared = [np.ascontiguousarray(square.transpose(2, 0, 1), np.float32) / 255 for square in squares]
    kinds = {"csad": decoded, "patchcore": squares, "network": prepared}
    folder.mkdir(parents=True, exist_ok=True)
    for kind, own in kinds.items():
        np.savez(folder / f"{kind}.npz", *own)
    return {kind: folder / f"{kind}.npz" for kind in kinds}


def compare(options: argparse.Namespace) -> Comparison:
    """Gather who takes part, measure detection, then let them take turns.

    Raises:
        CsadError: A model or image cannot be read, or a contender failed.
    """
    model, output = options.model.resolve(), options.output.resolve()
    load, commit = os.getloadavg()[0], _commit()
    contenders, left_out = ours(model)
    for more, reasons in (anomalib(output), authors(options.authors, output)):
        contenders, left_out = contenders + more, left_out + reasons
    images = accuracy.read_images(options.data)
    aurocs = {
        one.name: accuracy.csad_areas(model, one.runtime, images, options.threads)
        for one in contenders
        if one.kind == "csad"
    }
    memory = output / "patchcore"
    baseline = Contender(PATCHCORE, "torch", "patchcore", memory)
    aurocs[baseline.name] = accuracy.fit_patchcore(images, seed=0, folder=memory)
    contenders.append(baseline)
    paths = [image.path for image in images.test]
    inputs = write_inputs(paths[:: max(1, len(paths) // IMAGES)][:IMAGES], output / "inputs")
    measured, failed = measure(
        contenders, inputs, options.threads, options.starts, options.rounds, options.batches, BATCHES[1]
    )
    return Comparison(
        rows=tuple(
            row(one, measured[one.name], BATCHES[1], aurocs.get(one.name)) for one in contenders if one.name in measured
        ),
        left_out=(*left_out, *failed),
        batch=BATCHES[1],
        singles=options.rounds,
        batches=options.batches,
        starts=options.starts,
        threads=options.threads,
        images=_sizes(inputs["csad"]),
        test_images=len(images.test),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        machine=machine(),
        load=load,
        commit=commit,
        versions=_versions(contenders),
        command=" ".join(["python -m benchmarks.side_by_side", *sys.argv[1:]]),
    )


def _sizes(inputs: Path) -> str:
    with np.load(inputs) as stored:
        shapes = [stored[name].shape for name in stored.files]
    sizes = sorted({f"{width}x{height}" for height, width, _ in shapes})
    return f"{len(shapes)} of {', '.join(sizes)}"


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changes = " + changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return f"{git('rev-parse', '--short', 'HEAD') or 'unknown'}{changes}"


def _versions(contenders: Sequence[Contender]) -> dict[str, str]:
    """Packages of this environment, and anomalib and its torch where they took part."""
    found = {name: _version(metadata.distributions(name=name)) for name in ("csad", *PACKAGES)}
    if any(ENVIRONMENT in one.python.parents for one in contenders):
        for name in ("anomalib", *PACKAGES):
            places = [str(place) for place in ENVIRONMENT.glob("lib/python*/site-packages")]
            found[f"{name} of {ENVIRONMENT.name}"] = _version(metadata.distributions(name=name, path=places))
    return found


def _version(distributions: object) -> str:
    return next((one.version for one in distributions), "not installed")  # type: ignore[attr-defined]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m benchmarks.side_by_side",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("model", type=Path, nargs="?", default=MODEL, help="default: demo/model, which make demo trains")
    found.add_argument("--data", type=Path, default=EXAMPLE / "data", help="LOCO layout; default: the example's")
    found.add_argument("--authors", type=Path, help="checkout of github.com/Tokichan/CSAD")
    found.add_argument("--threads", type=int, default=usable_cpus(), help="of each; default: all processors")
    found.add_argument("--rounds", type=int, default=20, help="timed calls with one image (default: 20)")
    found.add_argument("--batches", type=int, default=6, help="timed calls with 8 images (default: 6)")
    found.add_argument("--starts", type=int, default=3, help="processes started for each (default: 3)")
    found.add_argument("--quick", action="store_true", help="5 calls, 2 batches, 1 start")
    found.add_argument("--output", type=Path, default=ROOT / "measurements" / "side_by_side", help="folder of results")
    return found


def main() -> None:
    """Measure, print the tables, and write results.md, results.json and picture.svg."""
    options = parser().parse_args()
    if options.quick:
        options.rounds, options.batches, options.starts = 5, 2, 1
    if min(options.threads, options.rounds, options.batches, options.starts) < 1:
        sys.exit("Error: --threads, --rounds, --batches and --starts are at least 1")
    if not (options.model / MANIFEST).is_file():
        sys.exit(f"Error: no model in {options.model}; make demo trains one, or name a model folder")
    try:
        found = compare(options)
    except CsadError as error:
        sys.exit(f"Error: {error}")
    tables = markdown(found)
    atomic.write_text(options.output / "results.md", tables)
    atomic.write_text(options.output / "results.json", found.model_dump_json(indent=2) + "\n")
    atomic.write_text(options.output / "picture.svg", picture(found))
    print(tables)
    print(f"written to {options.output}: results.md, results.json, picture.svg")


if __name__ == "__main__":
    main()
