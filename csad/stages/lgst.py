"""Stage `lgst`: fit the local and the global student to their teacher (paper 3.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from csad.compute.checkpoint import CHECKPOINT, discard
from csad.compute.compute_device import stage_device, training_device
from csad.config.line import ProductLine
from csad.lgst.fit import fit_lgst
from csad.lgst.paper.penalty_source import penalty_files
from csad.runner.files import translate_os_errors
from csad.runner.snapshot import open_snapshot
from csad.runner.stage import Stage
from csad.runner.summary import Summary
from csad.stages.outside_files import backbone_weights


@dataclass(frozen=True)
class LgstSummary(Summary):
    """What was fitted.

    Attributes:
        images: Normal images.
        global_student: Kind of the global student.
        local_student: Kind of the local student.
        components: Principal components of the PCA global student; 0 for another.
        memory_patches: Patches of the memory banks; 0 for another local student.
    """

    images: int
    global_student: str
    local_student: str
    components: int
    memory_patches: int

    def headline(self) -> str:
        """One line for people."""
        components = f" ({self.components} components)" if self.components else ""
        patches = f" ({self.memory_patches} patches)" if self.memory_patches else ""
        return f"global student {self.global_student}{components}, local student {self.local_student}{patches}"


def run(line: ProductLine, images: Path, output: Path, seed: int) -> LgstSummary:
    """Fit the students; the training of networks resumes from its last checkpoint.

    Args:
        line: Product line; `line.lgst` chooses the students.
        images: Output of `ingest`.
        output: Folder for the students' tensors.
        seed: Random seed for sampling.

    Raises:
        DeviceError: CSAD_DEVICE asks for a device that is not there.
        StageError: An input is missing, the training diverged, or the output cannot be written.
    """
    dataset = open_snapshot(images)
    device = stage_device("lgst")
    checkpoint = output / CHECKPOINT
    with translate_os_errors(output):
        model = fit_lgst(line, dataset, output, seed, checkpoint, device)
        discard(checkpoint)
    return LgstSummary(
        images=len(dataset.train),
        global_student=line.lgst.global_student,
        local_student=line.lgst.local_student,
        components=len(model.pca.components) if model.pca else 0,
        memory_patches=sum(len(bank.patches) for bank in model.memory_banks.values()),
    )


def weights(line: ProductLine, **inputs: Path) -> Sequence[Path]:
    """Files of the backbone, and the penalty images that the line names.

    Raises:
        WeightsError: The weights of the backbone are missing.
        DatasetError: The line names a folder of penalty images that is missing or empty.
    """
    pictures = penalty_files(line.lgst.penalty) if line.lgst.local_student == "pdn" else ()
    return (*backbone_weights(line, **inputs), *pictures)


STAGE = Stage(
    name="lgst",
    run=run,
    summary=LgstSummary,
    sections=("images", "backbone", "lgst"),
    seeded=True,
    resumable=True,
    device=training_device,
    weights=weights,
)
