"""How good products score when the camera moved a little or the lamp changed: neither is a defect.

Run `python -m benchmarks.robustness MODEL --data FOLDER`. Good test images are shifted, made brighter or darker, or lit
from one side. For every branch it prints how many of them score higher than 95 % of the validation images do (5 would
be perfect), and for the full score also how many are rejected.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measurement import machine
from csad.common.errors import CsadError
from csad.images import ImageFile, read_rgb, scan_for_evaluation
from csad.scoring.loop import Failure, score_each
from csad.scoring.scorer import Score, Scorer

QUANTILE = 0.95

Image = NDArray[np.uint8]


def shift(image: Image, pixels: int, direction: int) -> Image:
    """Move an image (H, W, 3) to one of four sides; what is uncovered repeats the border."""
    rows, columns = ((pixels, 0), (-pixels, 0), (0, pixels), (0, -pixels))[direction % 4]
    reach = abs(pixels)
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    height, width = image.shape[:2]
    return padded[reach - rows : reach - rows + height, reach - columns : reach - columns + width]


def brighten(image: Image, factor: float) -> Image:
    """Multiply all values, clipped."""
    return np.clip(image * factor, 0, 255).astype(np.uint8)


def turn_lamp(image: Image, fraction: float, direction: int) -> Image:
    """Make one of four sides brighter and the opposite one darker than the middle, by a fraction of it."""
    height, width = image.shape[:2]
    down, right = ((fraction, 0), (-fraction, 0), (0, fraction), (0, -fraction))[direction % 4]
    light = 1 + down * np.linspace(-1, 1, height)[:, None, None] + right * np.linspace(-1, 1, width)[:, None]
    return np.clip(image * light, 0, 255).astype(np.uint8)


def changes(pixels: float) -> dict[str, Callable[[Image, int], Image]]:
    """What is done to a good image; `pixels` of the image are one of the canvas."""
    return {
        "as it is": lambda image, _: image,
        "4 px moved": lambda image, index: shift(image, round(4 * pixels), index),
        "8 px moved": lambda image, index: shift(image, round(8 * pixels), index),
        "10 % brighter": lambda image, _: brighten(image, 1.1),
        "10 % darker": lambda image, _: brighten(image, 0.9),
        "one side 10 % brighter": lambda image, index: turn_lamp(image, 0.1, index),
    }


def score_all(
    scorer: Scorer, files: Sequence[ImageFile], change: Callable[[Image, int], Image], title: str
) -> list[Score]:
    """Score changed images, a few at a time."""
    changed = {file.path: index for index, file in enumerate(files)}
    scores = []
    for outcome in score_each(scorer, list(changed), lambda path: change(read_rgb(path), changed[path]), title):
        if isinstance(outcome, Failure):
            raise outcome.error
        scores.append(outcome.score)
    return scores


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("--data", type=Path, required=True, help="the images that it was trained and is tested on")
    options = parser.parse_args()
    try:
        scorer = Scorer.load(options.model)
        images = scan_for_evaluation(options.data, scorer.line)
    except CsadError as error:
        sys.exit(f"Error: {error}")
    good = [file for file in images.test if file.kind == "good"]
    if not good or not images.validation:
        sys.exit(f"{options.data} holds no good test images, or none for validation")
    canvas = scorer.manifest.canvas
    pixels = read_rgb(good[0].path).shape[0] * (canvas.box[3] - canvas.box[1]) / canvas.height
    normal = score_all(scorer, images.validation, lambda image, _: image, "Validation")
    branches = [*normal[0].branches]
    limits = {name: np.quantile([score.branches[name] for score in normal], QUANTILE) for name in branches}
    full = np.quantile([score.value for score in normal], QUANTILE)
    print(f"{scorer.line.name}: {len(good)} good test images; {machine()}; in percent")
    print("\t".join(["", *branches, "full", "rejected"]))
    for title, change in changes(pixels).items():
        scores = score_all(scorer, good, change, title)
        fractions = [np.mean([score.branches[name] > limits[name] for score in scores]) for name in branches]
        fractions += [np.mean([score.value > full for score in scores]), np.mean([score.anomalous for score in scores])]
        print("\t".join([title, *(f"{100 * fraction:.0f}" for fraction in fractions)]), flush=True)


if __name__ == "__main__":
    main()
