"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from csad.scoring.runtimes.graph_runtime import Signature
from csad.scoring.runtimes.record import CANVASES

ERRORS = 3
"""Its level of log messages."""


class OnnxRuntimeEngine:
    """One session, shared by all threads.

    Args:
        graph: ONNX file.
        threads: Threads of its pool.
        precision: What the graph computes in, for people: it is in the graph, not in the engine.
    """

    def __init__(self, graph: Path, threads: int, precision: str = "float32") -> None:
        self.version = onnxruntime.__version__
        self.precision = precision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS
        # A plan of one block per shape of input saves 3 % of the time, and takes a fifth more memory per lane.
        options.enable_mem_pattern = False
        # Threads that wait by spinning take processors from decoding, and from a container's quota.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self.inputs: Signature = {
            node.name: (_element(node.type), _shape(node.shape)) for node in self._session.get_inputs()
        }
        self.outputs = frozenset(node.name for node in self._session.get_outputs())

    def compute(self, canvases: NDArray[np.uint8], names: Sequence[str]) -> list[NDArray[Any]]:
        """Compute outputs of uint8 (B, H, W, 3)."""
        found: list[NDArray[Any]] = self._session.run(list(names), {CANVASES: canvases})
        return found


def _element(name: str) -> str:
    return name.removeprefix("tensor(").removesuffix(")")


def _shape(sizes: Sequence[int | str | None]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in sizes)
