"""The reference runtime: the networks in torch, as they were trained, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from csad.common.errors import ModelFolderError
from csad.config.line import ProductLine
from csad.features.backbone import WeightsRecord, backbone_from_tensors
from csad.imaging.canvas_store import to_tensor
from csad.lgst.teacher import Teacher
from csad.scoring import format_1
from csad.scoring.anomaly_model import AnomalyModel
from csad.scoring.branches import Branch, Loading, branch_of
from csad.scoring.fusion import Fusion
from csad.scoring.model_folder import Manifest, read_tensors
from csad.scoring.runtimes.names import TORCH
from csad.scoring.runtimes.protocol import RuntimeOutputs

STAGES = 3
"""Stages of the backbone that scoring reads."""

CPU_BATCH = 4
"""Measured on one thread: an image costs 95 ms of a processor alone, 83 ms in a batch of 4, 93 ms in one of 8."""

GPU_BATCH = 16

TEACHER = "teacher"
"""Name of the file with the teacher's tensors."""


class TorchRuntime:
    """Runs the networks themselves.

    Attributes:
        name: "torch".
        model: Networks and branches.
        on_scale: Names of the maps that need no change of scale.
    """

    name = TORCH

    def __init__(self, model: AnomalyModel, fusion: Fusion) -> None:
        self.model = model
        self.on_scale = model.on_scale()
        self._fusion = fusion

    @property
    def batch(self) -> int:
        """Images at a time that cost least each."""
        return CPU_BATCH if self.model.device.type == "cpu" else GPU_BATCH

    @property
    def explainers(self) -> Sequence[Branch]:
        """The branches themselves."""
        return self.model.branches

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, device: str = "cpu") -> Self:
        """Build the networks of a model folder whose files were checked.

        Raises:
            ModelFolderError: The folder is incomplete or of another version.
        """
        line = ProductLine.from_model(manifest.line)
        try:
            weights = WeightsRecord(**manifest.weights["backbone"])
            backbone = backbone_from_tensors(line.backbone.name, weights, STAGES, read_tensors(folder, "backbone"))
            stored = format_1.read(folder) if manifest.format == format_1.FORMAT else _read(folder, manifest)
            teacher = Teacher.from_tensors(backbone, stored.pop(TEACHER))
            loading = Loading(backbone, line)
            branches = [branch_of(kind).from_tensors(tensors, loading) for kind, tensors in stored.items()]
        except (KeyError, TypeError) as error:
            raise ModelFolderError(f"{folder} lacks {error}; copy the whole model folder again") from error
        model = AnomalyModel(backbone, teacher, ()).with_branches(branches).to(device)
        return cls(model, manifest.fusion)

    def run(self, canvases: NDArray[np.uint8]) -> RuntimeOutputs:
        """Compute canvases, uint8 (B, H, W, 3)."""
        outputs = self.model.forward(to_tensor(canvases))
        columns = {name: values.numpy() for name, values in self.model.columns(outputs).items()}
        return RuntimeOutputs(
            columns=columns,
            fused=self._fusion.combine(self._fusion.branch_scores(columns)),
            maps={name: values.numpy() for name, values in self.model.maps(outputs).items()},
            outputs={name: values.numpy() for name, values in outputs.items()},
        )

    def use_threads(self, count: int) -> None:
        """Torch keeps the number of OpenMP threads per calling thread, so callers do not disturb each other."""
        torch.set_num_threads(count)

    def described(self) -> str:
        """Name and version."""
        return f"torch {torch.__version__}"


def _read(folder: Path, manifest: Manifest) -> dict[str, dict[str, Tensor]]:
    """Tensors of the teacher and of each branch by its kind."""
    stored = {name: read_tensors(folder, name) for name in (TEACHER, *manifest.branches)}
    if absent := [name for name, tensors in stored.items() if not tensors]:
        raise KeyError(*absent)
    return stored
