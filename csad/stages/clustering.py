"""Stage `clustering`: component masks become semantic pseudo-labels (paper 3.1)."""

from dataclasses import dataclass
from pathlib import Path

from csad.common.humanize import plural
from csad.compute.compute_device import stage_device
from csad.config.line import ProductLine
from csad.pseudo_labels.gallery_page import write_gallery_page
from csad.pseudo_labels.generate import generate
from csad.runner.files import translate_os_errors
from csad.runner.snapshot import open_snapshot
from csad.runner.stage import Stage
from csad.runner.summary import Summary
from csad.stages.outside_files import backbone_weights


@dataclass(frozen=True)
class ClusteringSummary(Summary):
    """The classes and what they were made of.

    Attributes:
        classes: Component classes, background excluded.
        components: Components of all images.
        dropped_fraction: Fraction of the components in no class.
        bandwidth: Bandwidth of the mean shift.
        labelled: Images that train as labelled ones.
        unlabelled: Images that the label filter left out.
        types: Product types.
        note: What the label filter found, or why there are no classes.
        doubts: Why the classes may tell no parts apart; a sentence each.
    """

    classes: int
    components: int
    dropped_fraction: float
    bandwidth: float
    labelled: int
    unlabelled: int
    types: int
    note: str
    doubts: tuple[str, ...] = ()

    def headline(self) -> str:
        """One line for people."""
        if not self.classes:
            return f"no classes: {self.note}"
        classes = "1 class" if self.classes == 1 else f"{self.classes} classes"
        doubts = "".join(f"; DOUBTFUL: {doubt}" for doubt in self.doubts)
        return (
            f"{plural(self.components, 'component')} in {classes}, {self.dropped_fraction:.0%} in none; "
            f"{self.note}{doubts}"
        )


def run(line: ProductLine, images: Path, masks: Path, output: Path, seed: int) -> ClusteringSummary:
    """Write the pseudo-labels of the training images.

    Args:
        line: Product line; `line.pseudo_labels` holds alpha, the bandwidth and the types.
        images: Output of `ingest`.
        masks: Output of `masks`.
        output: Folder for clusters.json, label_maps/<stem>.png (uint8, 0 = background), overlays, gallery and
            gallery.html.
        seed: Draws subsamples and examples.

    Raises:
        DeviceError: CSAD_DEVICE asks for a device that is not there.
        StageError: An input is missing or damaged, or the output cannot be written.
    """
    dataset = open_snapshot(images)
    device = stage_device("clustering")
    with translate_os_errors(output):
        record = generate(line, dataset, masks, output, seed, device)
        write_gallery_page(output, line.name)
    return ClusteringSummary(
        classes=record.classes,
        components=record.components,
        dropped_fraction=record.dropped_fraction,
        bandwidth=record.bandwidth,
        labelled=len(record.kept),
        unlabelled=len(record.types) - len(record.kept),
        types=record.type_count,
        note=record.note,
        doubts=record.doubts,
    )


STAGE = Stage(
    name="clustering",
    run=run,
    summary=ClusteringSummary,
    sections=("name", "images", "backbone", "pseudo_labels"),
    seeded=True,
    weights=backbone_weights,
    packed=True,
)
