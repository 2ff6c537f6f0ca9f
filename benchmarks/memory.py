"""Peak memory of a training against the number of images: it must not grow with them.

Run `python -m benchmarks.memory`, or `python -m benchmarks.memory --copies 1 4 --data FOLDER`. More images are made
from those that are there: each copy is brighter by one level, so that no two are equal.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.datasets import EXAMPLE, FULL
from benchmarks.measurement import machine, train
from csad.common import atomic
from csad.common.errors import CsadError
from csad.common.progress import track
from csad.images import read_rgb
from csad.images.reading import EXTENSIONS


def multiply(source: Path, target: Path, copies: int) -> int:
    """Write each training image several times, each copy one level brighter, and link the validation images.

    Args:
        source: Data set in LOCO layout.
        target: Folder of the new one.
        copies: How many of each.

    Returns:
        The number of training images.
    """
    files = [path for path in sorted((source / "train" / "good").iterdir()) if path.suffix.lower() in EXTENSIONS]
    (target / "train" / "good").mkdir(parents=True)
    for file in track(files, f"Copying {copies} times"):
        pixels = read_rgb(file)
        for copy in range(copies):
            brighter = np.minimum(pixels.astype(np.uint16) + copy, 255).astype(np.uint8)
            Image.fromarray(brighter).save(target / "train" / "good" / f"{file.stem}-{copy}.jpg", quality=95)
    (target / "validation").symlink_to((source / "validation").resolve())
    return len(files) * copies


def main() -> None:
    """Train on more and more images and print what each training held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=EXAMPLE / "data", help="LOCO layout (default: the example's)")
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 4], help="of each training image (default: 1 4)")
    options = parser.parse_args()
    print(f"peak memory of csad train, {machine()}, seed 0", flush=True)
    for copies in options.copies:
        with tempfile.TemporaryDirectory(prefix="csad-memory-") as name:
            folder = Path(name)
            count = multiply(options.data, folder / "data", copies)
            atomic.write_text(folder / "run" / "line.yaml", FULL.line("memory").to_yaml())
            try:
                training = train(folder / "run", folder / "data", seed=0)
            except CsadError as error:
                sys.exit(f"Error: {error}")
        assert training.seconds is not None
        assert training.peak_megabytes is not None
        print(f"  {count:6d} images  {training.peak_megabytes:7.0f} MB  {training.seconds / 60:5.1f} min", flush=True)


if __name__ == "__main__":
    main()
