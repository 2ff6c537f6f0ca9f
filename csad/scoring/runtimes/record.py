"""What the manifest says of a model's exported graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

GRAPH_FORMAT = 1
"""Version of the graph's inputs and outputs."""

GRAPH_FILE = "scorer.onnx"
CANVASES, COLUMNS, FUSED, MAP, OUTPUT = "canvases", "columns", "fused", "map.", "output."
"""Names of the graph's input and outputs; those of maps and of outputs end in the name of a score."""


class Parity(BaseModel):
    """How near a runtime comes to torch.

    Attributes:
        version: Version of the runtime.
        images: Images that were compared, all of them good.
        score_error: Largest difference of a score, relative to it or, where that is larger, to 1.
        column_error: Largest difference of a raw score, relative to it or to its usual spread.
        map_error: Largest difference of a cell of the map, relative to it or to what normal cells reach; None where an
            older csad compared scores alone.
        decisions: Images that are decided otherwise.
        explanations: Images that are explained otherwise; None likewise.
        accepted: Whether it may stand for torch.
        reason: Why not; empty where it may.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    version: str
    images: int
    score_error: float
    column_error: float
    map_error: float | None = None
    decisions: int
    explanations: int | None = None
    accepted: bool
    reason: str = ""

    @classmethod
    def refused(cls, reason: str) -> Parity:
        """For a runtime that computed nothing."""
        return cls(version="", images=0, score_error=0, column_error=0, decisions=0, accepted=False, reason=reason)


class Export(BaseModel):
    """The whole scorer as one graph.

    Attributes:
        format: Version of its inputs and outputs.
        file: Name of the file in the model folder; empty where the model could not be exported.
        problem: Why not.
        columns: Raw scores in the order of the output "columns".
        maps: Scores whose maps it gives, in the order in which they are summed.
        outputs: Scores whose outputs it gives, for explainers.
        on_scale: Maps that need no change of scale.
        expected: What torch gives for `check_canvases`, by name; "fused" is the score.
        parity: By runtime, how near it came to torch when the model was trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = GRAPH_FORMAT
    file: str = ""
    problem: str = ""
    columns: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    on_scale: tuple[str, ...] = ()
    expected: dict[str, float] = {}
    parity: dict[str, Parity] = {}

    @property
    def output_names(self) -> tuple[str, ...]:
        """All outputs of the graph, in order."""
        maps, outputs = (MAP + name for name in self.maps), (OUTPUT + name for name in self.outputs)
        return (COLUMNS, FUSED, *maps, *outputs)


def check_canvases(height: int, width: int) -> NDArray[np.uint8]:
    """The canvas that every loaded runtime computes once, to compare it with `Export.expected`: uint8 (1, H, W, 3).

    Stripes and a ramp, by whole numbers alone, so that it is the same everywhere.
    """
    rows, columns, channels = np.ogrid[:height, :width, :3]
    stripes = 96 * ((rows // 16 + columns // 24 + channels) % 3)
    return np.asarray((stripes + (rows + 2 * columns) % 64)[None], dtype=np.uint8)
