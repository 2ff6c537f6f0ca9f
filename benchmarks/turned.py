"""Turn the images of a data set by any angle, each by one of its own: a line whose product lies anywhere.

Run `python -m benchmarks.turned juice_bottle`, then `python -m benchmarks.measure --only juice_bottle_turned`. What
lies beyond an image repeats its edge, so the ground must be even. The same name and seed give the same angles.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.datasets import DATA_SETS, FULL, TURNABLE, TURNED_ROOT
from csad.config.line import ProductLine
from csad.images import ground_truth_masks, scan
from csad.images.reading import read_rgb
from csad.imaging.working_image import working_image


def main() -> None:
    """Write the turned images of the chosen data sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=TURNABLE, metavar="NAME", help=f"of: {', '.join(TURNABLE)}")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the angles, default: 0")
    options = parser.parse_args()
    sources = {data.name: data for data in DATA_SETS}
    for name in options.names:
        if not sources[name].folder.is_dir():
            sys.exit(f"Error: {sources[name].folder} is not on this machine")
        _turn_all(sources[name].folder, TURNED_ROOT / name, FULL.line(name), options.seed)
        print(f"{name}: turned images in {TURNED_ROOT / name}", file=sys.stderr)


def _turn_all(source: Path, target: Path, line: ProductLine, seed: int) -> None:
    images = scan(source, line)
    generator = np.random.default_rng(seed)
    for image in (*images.train, *images.validation, *images.test):
        degrees = float(generator.uniform(0, 360))
        pixels = working_image(read_rgb(image.path))
        _save(turn(pixels, degrees, Image.Resampling.BICUBIC), target / image.split / image.kind / f"{image.stem}.png")
        for number, mask in enumerate(ground_truth_masks(images.root, image)):
            size = (pixels.shape[1], pixels.shape[0])
            drawn = np.asarray(Image.open(mask).convert("L").resize(size, Image.Resampling.NEAREST))
            place = target / "ground_truth" / image.kind / image.stem / f"{number:03d}.png"
            _save(turn(drawn, degrees, Image.Resampling.NEAREST), place)


def turn(pixels: NDArray[np.uint8], degrees: float, resampling: Image.Resampling) -> NDArray[np.uint8]:
    """Turn an image (H, W) or (H, W, 3) counter-clockwise about its centre; the result holds it at every angle.

    Returns:
        A square whose side is the image's diagonal; what lies beyond the image repeats its edge.
    """
    height, width = pixels.shape[:2]
    half = int(np.ceil(np.hypot(height, width) / 2))
    # Twice as far: the corners of the turned square reach beyond the square itself.
    margins = ((2 * half - height // 2,) * 2, (2 * half - width // 2,) * 2, (0, 0))
    padded = np.pad(pixels, margins[: pixels.ndim], mode="edge")
    turned = np.asarray(Image.fromarray(padded).rotate(degrees, resample=resampling))
    row, column = turned.shape[0] // 2, turned.shape[1] // 2
    return turned[row - half : row + half, column - half : column + half]


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=1)


if __name__ == "__main__":
    main()
