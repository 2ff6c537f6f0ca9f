"""OpenVINO on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from csad.scoring.runtimes.graph_runtime import Signature

PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoEngine:
    """One compiled model; each thread asks it by a request of its own.

    Args:
        graph: ONNX file.
        threads: Threads that compute.
        precision: What it computes in. By itself OpenVINO takes bfloat16 on processors that have it, which moves
            scores by tenths, so that it is always told.
    """

    def __init__(self, graph: Path, threads: int, precision: str = "float32") -> None:
        self.version = openvino.__version__.split("-")[0]
        self.precision = precision
        core = openvino.Core()
        if precision == "bfloat16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeError("this processor has no bfloat16")
        settings = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
        }
        self._model = core.compile_model(core.read_model(str(graph)), "CPU", settings)
        self._own = threading.local()
        self.inputs: Signature = {port.get_any_name(): (_element(port), _shape(port)) for port in self._model.inputs}
        self.outputs = frozenset(port.get_any_name() for port in self._model.outputs)

    def compute(self, canvases: NDArray[np.uint8], names: Sequence[str]) -> list[NDArray[Any]]:
        """Compute outputs of uint8 (B, H, W, 3)."""
        if not hasattr(self._own, "request"):
            self._own.request = self._model.create_infer_request()
        request = self._own.request
        request.infer([canvases])
        # Copies: the request writes into the same memory the next time.
        return [np.array(request.get_tensor(name).data) for name in names]


def _element(port: Any) -> str:
    return str(port.get_element_type().to_dtype())


def _shape(port: Any) -> tuple[int | None, ...]:
    return tuple(None if size.is_dynamic else size.get_length() for size in port.get_partial_shape())
