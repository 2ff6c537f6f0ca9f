"""Peak memory of training and scoring against the size of the images: it must not grow with them as their pixels do.

Run `python -m benchmarks.large_images`, or `python -m benchmarks.large_images --megapixels 24 100 --images 3`. The
images are the example's, enlarged; the segmentation trains for a few steps only, which all look at the same canvas.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.datasets import EXAMPLE, Variant
from benchmarks.measurement import machine, run_csad, train
from csad.common import atomic
from csad.common.errors import CsadError
from csad.common.progress import track
from csad.images import read_rgb

FEW_STEPS = Variant("few_steps", {"segmentation": {"steps": 20}})
FEWEST = 3


def enlarge(source: Path, target: Path, pixels: float, images: int) -> None:
    """Write the first training images, and half as many validation images, each of a number of pixels.

    Args:
        source: Data set in LOCO layout.
        target: Folder of the new one.
        pixels: Pixels of each image.
        images: To train on.
    """
    for split, count in (("train", images), ("validation", images // 2)):
        folder = target / split / "good"
        folder.mkdir(parents=True)
        for file in track(sorted((source / split / "good").iterdir())[:count], f"Enlarging {split}"):
            image = Image.fromarray(read_rgb(file))
            scale = (pixels / (image.width * image.height)) ** 0.5
            size = (round(image.width * scale), round(image.height * scale))
            image.resize(size, Image.Resampling.BICUBIC).save(folder / f"{file.stem}.jpg", quality=90)


def main() -> None:
    """Train and score at each size and print what each command held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.1, 24], help="per image (default: 0.1 24)")
    parser.add_argument("--images", type=int, default=12, help=f"to train on, {FEWEST} or more (default: 12)")
    options = parser.parse_args()
    if options.images < FEWEST:
        parser.error(f"--images is {options.images}, expected {FEWEST} or more")
    print(f"peak memory, {options.images} images, {machine()}, seed 0", flush=True)
    for megapixels in options.megapixels:
        with tempfile.TemporaryDirectory(prefix="csad-large-images-") as name:
            folder = Path(name)
            enlarge(EXAMPLE / "data", folder / "data", megapixels * 1e6, options.images)
            line = FEW_STEPS.line("memory").to_yaml()
            atomic.write_text(folder / "run" / "line.yaml", line)
            image = next((folder / "data" / "validation" / "good").iterdir())
            try:
                training = train(folder / "run", folder / "data", seed=0)
                scoring = run_csad("score", folder / "run" / "model", image, "--maps", folder / "maps")
            except CsadError as error:
                sys.exit(f"Error: {error}")
        assert training.peak_megabytes is not None
        assert scoring.peak_megabytes is not None
        print(
            f"  {megapixels:6g} megapixels  csad train {training.peak_megabytes:6.0f} MB  "
            f"csad score --maps {scoring.peak_megabytes:6.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
