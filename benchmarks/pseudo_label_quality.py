"""How good pseudo-labels are where the true label maps are known: mean IoU after optimal matching.

Run `python -m benchmarks.pseudo_label_quality MODEL.stages/clustering-KEY LABELS`. LABELS holds one true label map per
training image, `<stem>.png` with 0 for the background, as examples/fastener_kit/component_labels/train/good does.
"""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import linear_sum_assignment

from csad.common.errors import CsadError, StageError
from csad.imaging.working_image import working_size
from csad.pseudo_labels.label_maps import load_label_map
from csad.pseudo_labels.record import LABEL_MAPS, PseudoLabels

CLASSES = 256
"""Values of a uint8 label map."""


@dataclass(frozen=True)
class PseudoLabelQuality:
    """Agreement of pseudo-labels with true label maps.

    Attributes:
        mean_iou: Mean over the true classes, 0..1; a class without a partner counts 0. The background does not count.
        iou: IoU of each true class.
        partner: Pseudo-label class that each true class was matched with; 0 for none.
        classes: Pseudo-label classes that occur.
        images: Images compared.
    """

    mean_iou: float
    iou: dict[int, float]
    partner: dict[int, int]
    classes: int
    images: int


def match_classes(pairs: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> PseudoLabelQuality:
    """Match pseudo-label classes one to one with true classes by the Hungarian method: the sum of IoU is largest.

    Pixels of all images are pooled before the IoU is taken.

    Args:
        pairs: Pseudo-label map and true map of each image, uint8 (H, W), 0 = background.

    Raises:
        StageError: There is no image, no true component, or the maps of an image differ in size.
    """
    joint = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    images = 0
    for predicted, true in pairs:
        if predicted.shape != true.shape:
            raise StageError(
                f"the pseudo-labels are {predicted.shape}, the true labels {true.shape}; expected one size"
            )
        joint += np.bincount(predicted.ravel() * np.int64(CLASSES) + true.ravel(), minlength=CLASSES**2).reshape(
            CLASSES, CLASSES
        )
        images += 1
    areas, true_areas = joint.sum(axis=1), joint.sum(axis=0)
    predicted_classes, true_classes = 1 + np.flatnonzero(areas[1:]), 1 + np.flatnonzero(true_areas[1:])
    if not len(true_classes):
        raise StageError(f"found no component in the true labels of {images} images, expected some; check their folder")
    both = joint[np.ix_(predicted_classes, true_classes)]
    iou = both / (areas[predicted_classes, None] + true_areas[None, true_classes] - both)
    found = {int(label): 0.0 for label in true_classes}
    partner = {int(label): 0 for label in true_classes}
    for row, column in zip(*linear_sum_assignment(iou, maximize=True), strict=True):
        if iou[row, column] > 0:
            found[int(true_classes[column])] = float(iou[row, column])
            partner[int(true_classes[column])] = int(predicted_classes[row])
    return PseudoLabelQuality(
        mean_iou=float(np.mean(list(found.values()))),
        iou=found,
        partner=partner,
        classes=len(predicted_classes),
        images=images,
    )


def measure_pseudo_labels(clustering: Path, labels: Path) -> PseudoLabelQuality:
    """Compare the pseudo-labels of the images that train as labelled ones with their true label maps.

    Args:
        clustering: Folder of the clustering stage.
        labels: Folder of `<stem>.png`, grey values or palette indices.

    Raises:
        StageError: A file is missing or damaged, or sizes differ.
    """
    kept = PseudoLabels.read(clustering).kept
    if not kept:
        raise StageError(
            f"{clustering} holds no labelled image, expected some; look at its clusters.json for the reason"
        )
    return match_classes(
        _at_true_size(load_label_map(clustering / LABEL_MAPS, stem), load_label_map(labels, stem)) for stem in kept
    )


def _at_true_size(predicted: NDArray[np.uint8], true: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Enlarge the pseudo-labels of a large image, which are drawn at its working size, to the true map's size."""
    if predicted.shape != working_size(*true.shape):
        return predicted, true
    height, width = true.shape
    return np.asarray(Image.fromarray(predicted).resize((width, height), Image.Resampling.NEAREST)), true


def main() -> None:
    """Print the mean and each class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clustering", type=Path, help="folder of the clustering stage")
    parser.add_argument("labels", type=Path, help="folder of the true label maps")
    options = parser.parse_args()
    try:
        quality = measure_pseudo_labels(options.clustering, options.labels)
    except CsadError as error:
        sys.exit(f"Error: {error}")
    print(f"mean IoU {quality.mean_iou:.3f} of {quality.images} images, {quality.classes} pseudo-label classes")
    for label, iou in quality.iou.items():
        print(f"  true class {label}: {iou:.3f} with pseudo-label class {quality.partner[label] or '-'}")


if __name__ == "__main__":
    main()
