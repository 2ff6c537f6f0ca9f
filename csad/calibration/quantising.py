"""A graph in eight bits (ours): convolutions alone, their ranges taken from good images."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csad.common import atomic
from csad.scoring.runtimes.record import CANVASES

MOST_IMAGES = 32
"""Good images that ranges are taken from."""


class _Images:
    """Hands out one canvas at a time, as the quantiser asks for them."""

    def __init__(self, canvases: Sequence[NDArray[np.uint8]]) -> None:
        self._left = list(canvases[:MOST_IMAGES])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next input; None after the last."""
        return {CANVASES: self._left.pop(0)[None]} if self._left else None


def quantise(graph: Path, output: Path, canvases: Sequence[NDArray[np.uint8]]) -> None:
    """Write a graph whose convolutions compute in int8.

    The search of the memory banks and all sums stay in single precision. Weights keep seven bits, for processors
    without VNNI add two products in sixteen bits, which eight would exceed.

    Args:
        graph: ONNX file in single precision.
        output: ONNX file to write, whole or not at all.
        canvases: Good images, uint8 (H, W, 3) each.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    CalibrationDataReader.register(_Images)
    advice = logging.getLogger()
    level = advice.level
    advice.setLevel(logging.ERROR)
    try:
        with atomic.replacing(output) as temporary:
            quantize_static(
                str(graph),
                str(temporary),
                _Images(canvases),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
    finally:
        advice.setLevel(level)
