"""Stage `segnet`: train the component segmentation network on the pseudo-labels (paper 3.2)."""

from dataclasses import dataclass
from pathlib import Path

from csad.common.humanize import plural
from csad.compute.checkpoint import CHECKPOINT, discard
from csad.compute.compute_device import stage_device, training_device
from csad.config.line import ProductLine
from csad.runner.files import translate_os_errors
from csad.runner.snapshot import open_snapshot
from csad.runner.stage import Stage
from csad.runner.summary import Summary
from csad.segmentation.fit import fit_segmentation
from csad.segmentation.training import steps_of
from csad.stages.outside_files import backbone_weights


@dataclass(frozen=True)
class SegnetSummary(Summary):
    """What was trained.

    Attributes:
        classes: Component classes; 0 means that there was nothing to learn and no network was trained.
        labelled: Images with a pseudo-label.
        unlabelled: Images without.
        steps: Optimiser steps.
    """

    classes: int
    labelled: int
    unlabelled: int
    steps: int

    def headline(self) -> str:
        """One line for people."""
        if not self.classes:
            return "no classes, so no network was trained"
        return (
            f"{self.steps} steps on {self.classes} classes, "
            f"{plural(self.labelled, 'labelled image')} and {self.unlabelled} unlabelled"
        )


def run(line: ProductLine, images: Path, pseudo_labels: Path, output: Path, seed: int) -> SegnetSummary:
    """Train the network, from its last checkpoint where there is one.

    Without classes there is nothing to learn, and the other branches do the work.

    Args:
        line: Product line; `line.segmentation` holds the budget.
        images: Output of `ingest`.
        pseudo_labels: Output of `clustering`.
        output: Folder for the network's weights.
        seed: Random seed for weights, order and augmentation.

    Raises:
        DeviceError: CSAD_DEVICE asks for a device that is not there.
        StageError: An input is missing, the training diverged, or the output cannot be written.
    """
    dataset = open_snapshot(images)
    device = stage_device("segnet")
    checkpoint = output / CHECKPOINT
    with translate_os_errors(output):
        fit = fit_segmentation(line, dataset, pseudo_labels, output, seed, checkpoint, device)
        discard(checkpoint)
    steps = steps_of(line.segmentation, fit.labelled) if fit.classes else 0
    return SegnetSummary(classes=fit.classes, labelled=fit.labelled, unlabelled=fit.unlabelled, steps=steps)


STAGE = Stage(
    name="segnet",
    run=run,
    summary=SegnetSummary,
    sections=("images", "backbone", "segmentation"),
    seeded=True,
    resumable=True,
    device=training_device,
    weights=backbone_weights,
)
