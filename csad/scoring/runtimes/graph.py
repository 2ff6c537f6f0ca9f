"""The whole scorer as one torch module that exports: canvases in, raw scores, maps and the fused score out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from csad.scoring.anomaly_model import AnomalyModel
from csad.scoring.branches import BatchFeatures, Branch
from csad.scoring.explainers import EXPLAINERS
from csad.scoring.fusion import INSIDE_SLOPE, Fusion


class ScoringGraph(nn.Module):
    """Runs all branches and their fusion.

    Args:
        model: Networks and branches, on the CPU.
        fusion: Scales and weights of their columns.
        levels: Value of each map below which nothing is drawn; see `Branch.for_export`.

    Attributes:
        columns: Raw scores, in the order of the first output; known after a first call, like the others.
        maps: Scores whose maps come out, in the order in which they are summed.
        outputs: Scores whose outputs come out, for explainers.
    """

    def __init__(self, model: AnomalyModel, fusion: Fusion, levels: Mapping[str, float]) -> None:
        super().__init__()
        self._model = model.with_branches(branch.for_export(levels) for branch in model.branches)
        # What torch has to find to store it in the graph.
        self._modules_of_model = nn.ModuleList([model.backbone, model.teacher])
        self._fusion = fusion
        self.columns: tuple[str, ...] = ()
        self.maps: tuple[str, ...] = ()
        self.outputs: tuple[str, ...] = ()

    def forward(self, canvases: Tensor) -> tuple[Tensor, ...]:
        """Compute canvases, uint8 (B, H, W, 3).

        Returns:
            Raw scores (B, columns), the fused score (B,), then maps (B, r, c) and outputs (B, ...), all float32.
        """
        images = canvases.permute(0, 3, 1, 2).float() / 255  # (B, 3, H, W)
        batch = BatchFeatures(images, self._model.backbone, self._model.teacher)
        outputs = {name: values for branch in self._model.branches for name, values in branch.forward(batch).items()}
        columns = {name: values.float() for name, values in self._model.columns(outputs).items()}
        maps = self._model.maps(outputs)
        explained = [name for branch in self._model.branches if branch.kind in EXPLAINERS for name in branch.scores]
        self.columns, self.maps, self.outputs = tuple(columns), tuple(maps), tuple(explained)
        raw = torch.stack(list(columns.values()), dim=1)
        return raw, self._fused(columns), *maps.values(), *(outputs[name] for name in explained)

    def _fused(self, columns: dict[str, Tensor]) -> Tensor:
        """`Fusion.combine` of `Fusion.branch_scores`, (B,)."""
        scores = []
        for name, scale in self._fusion.branches.items():
            parts = [column for column in columns if column.split("@")[0] == name]
            scales = [self._fusion.columns[column] for column in parts]
            scaled = [(columns[c] - s.mean) / s.deviation for c, s in zip(parts, scales, strict=True)]
            scores.append((torch.stack(scaled).sum(dim=0) - scale.mean) / scale.deviation)
        values = torch.stack(scores)  # (S, B)
        if self._fusion.weighting == "equal":
            return values.sum(dim=0)
        weights = torch.tensor([self._fusion.weights[name] for name in self._fusion.branches]).unsqueeze(1)
        against = (weights * values.clamp_min(0).square()).sum(dim=0).sqrt()
        return against + INSIDE_SLOPE * (weights * values).sum(dim=0)


def unexplained(model: AnomalyModel) -> list[str]:
    """Kinds of the branches that explain images in torch alone, so that a graph would leave that out."""
    own = (Branch.explain, Branch.average_map)
    return [
        branch.kind
        for branch in model.branches
        if branch.kind not in EXPLAINERS and (type(branch).explain, type(branch).average_map) != own
    ]
