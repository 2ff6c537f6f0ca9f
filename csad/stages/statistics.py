"""Stage `statistics`: histograms, fusion and threshold on good images, and the model folder (paper 3.3, 3.5)."""

from dataclasses import dataclass
from pathlib import Path

from csad.calibration.statistics import fit
from csad.common.humanize import plural
from csad.compute.compute_device import stage_device
from csad.config.line import ProductLine
from csad.runner.files import translate_os_errors
from csad.runner.snapshot import open_snapshot
from csad.runner.stage import Stage
from csad.runner.summary import Summary
from csad.stages.outside_files import weights_and_branches


@dataclass(frozen=True)
class StatisticsSummary(Summary):
    """The decision and what it rests on.

    Attributes:
        classes: Component classes.
        types: Product types.
        calibration: Good images that the threshold comes from.
        odd: Good images among them that it rejects.
        threshold: An image is rejected above it.
        synthetic_detection: Fraction of each kind of synthetic anomaly that is found at the threshold.
        weights: Weight of each branch in the score.
    """

    classes: int
    types: int
    calibration: int
    odd: int
    threshold: float
    synthetic_detection: dict[str, float]
    weights: dict[str, float]

    def metrics(self) -> dict[str, float]:
        """The figures, the weights among them."""
        found = {f"synthetic_{kind.replace(' ', '_')}_found": rate for kind, rate in self.synthetic_detection.items()}
        return super().metrics() | found | {f"weight_{name}": weight for name, weight in self.weights.items()}

    def headline(self) -> str:
        """One line for people."""
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in self.weights.items())
        odd = f", {self.odd} of them above it" if self.odd else ""
        found = ", ".join(f"{kind} {rate:.0%}" for kind, rate in self.synthetic_detection.items())
        return (
            f"threshold {self.threshold:.3g} from {plural(self.calibration, 'good image')}{odd}; "
            f"synthetic anomalies found: {found}; weights: {weights}"
        )


def run(
    line: ProductLine, images: Path, pseudo_labels: Path, segnet: Path, lgst: Path, output: Path, seed: int
) -> StatisticsSummary:
    """Fit all statistics and write the model folder.

    Args:
        line: Product line; all of it goes into the model.
        images: Output of `ingest`.
        pseudo_labels: Output of `clustering`.
        segnet: Output of `segnet`.
        lgst: Output of `lgst`.
        output: The model folder that a scorer loads.
        seed: Random seed of the codebook and of the synthetic anomalies that weigh the branches.

    Raises:
        CsadError: An input or the device is missing, an input is damaged, or the output cannot be written.
    """
    dataset = open_snapshot(images)
    device = stage_device("statistics")
    with translate_os_errors(output):
        manifest = fit(line, dataset, pseudo_labels, segnet, lgst, output, seed, device)
    return StatisticsSummary(
        classes=manifest.classes,
        types=manifest.types,
        calibration=manifest.threshold.images,
        odd=len(manifest.odd_images),
        threshold=manifest.threshold.value,
        synthetic_detection=manifest.synthetic_detection,
        weights=dict(manifest.fusion.weights),
    )


STAGE = Stage(name="statistics", run=run, summary=StatisticsSummary, seeded=True, weights=weights_and_branches)
