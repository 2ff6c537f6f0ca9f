"""Model folders of format 1, in which branches shared files: their tensors, by the branch that they belong to."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from csad.scoring.model_folder import read_tensors
from csad.scoring.named_tensors import flat, part_of

FORMAT = 1


def read(folder: Path) -> dict[str, dict[str, Tensor]]:
    """Tensors of the teacher and of each branch by its kind; branches that the model lacks are absent.

    Raises:
        ModelFolderError: A file is damaged.
    """
    students = read_tensors(folder, "lgst")
    memories = {name.removeprefix("memory-"): value for name, value in students.items() if name.startswith("memory-")}
    networks = {name: value for name, value in students.items() if name.startswith(("students.", "mean_map."))}
    network, codebook = read_tensors(folder, "segmentation"), read_tensors(folder, "vocabulary")
    components = {
        "network": network,
        "histogram": read_tensors(folder, "components"),
        "component_statistics": read_tensors(folder, "inventory"),
    }
    words = {"codebook": codebook, "histogram": read_tensors(folder, "words")}
    stored = {
        "component_histogram": flat(**components) if network else {},
        "visual_word_histogram": flat(**words) if codebook else {},
        "pca_reconstruction": part_of(students, "linear"),
        "student_networks": networks,
        "memory_bank": memories,
    }
    return {"teacher": part_of(students, "teacher")} | {kind: tensors for kind, tensors in stored.items() if tensors}
