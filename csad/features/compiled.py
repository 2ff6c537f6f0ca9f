"""The frozen backbone (paper 3.2, 3.4) compiled by OpenVINO: on a CPU about half of torch's time (ours).

Trainings spend most of their time in a network that learns nothing. What learns, and what is stored and exported, stays
in torch.
"""

from __future__ import annotations

import copy
import importlib.util
import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from csad.features.architectures import TESTED
from csad.features.backbone import Backbone

if TYPE_CHECKING:
    from openvino import InferRequest

ENGINE = "openvino"

TOLERANCE = 1e-4
"""Largest difference from torch's features that is taken for rounding, as a fraction of the largest feature."""

logger = logging.getLogger(__name__)


def accelerated(backbone: Backbone) -> Backbone:
    """The same backbone, sharing its weights, that computes through OpenVINO where that can be had.

    On a GPU, without OpenVINO, and for an architecture that was not tested with it, it is the backbone itself.

    Args:
        backbone: On the device where it will compute; it is not changed.
    """
    if backbone.mean.device.type != "cpu" or backbone.name not in TESTED:
        return backbone
    if importlib.util.find_spec(ENGINE) is None:
        logger.info("%s is not installed, so the backbone computes in torch, in about twice the time", ENGINE)
        return backbone
    twin = copy.copy(backbone)
    # A shallow copy of a module shares the table of its parts.
    twin._modules = {**backbone._modules, "pyramid": CompiledPyramid(backbone.pyramid)}
    return twin


class CompiledPyramid(nn.Module):
    """Computes a pyramid through OpenVINO; each size of image is compiled when the first one comes, and compared.

    Args:
        pyramid: Frozen, on the CPU: normalised images (B, 3, H, W) to stages (B, C, h, w).
    """

    def __init__(self, pyramid: nn.Module) -> None:
        super().__init__()
        self.pyramid = pyramid
        self._requests: dict[tuple[int, int], InferRequest | None] = {}

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the stages of normalised images, float32 (B, 3, H, W): (B, C, h, w) each, channels last."""
        size = (image.shape[-2], image.shape[-1])
        if size not in self._requests:
            self._requests[size] = self._checked(image)
        request = self._requests[size]
        if request is None:
            stages: list[Tensor] = self.pyramid(image)
            return stages
        return _computed(request, image)

    def _checked(self, image: Tensor) -> InferRequest | None:
        """Compile for images of this size; None, and a warning, where the result is another than torch's."""
        expected: list[Tensor] = self.pyramid(image)
        try:
            request = _compile(self.pyramid, image)
            found = _computed(request, image)
        except Exception as error:  # whatever OpenVINO or torch's tracing raises
            logger.warning("the backbone computes in torch: %s does not compile it (%s)", ENGINE, _first_line(error))
            return None
        distance = largest_difference(found, expected)
        if not distance <= TOLERANCE:
            logger.warning(
                "the backbone computes in torch: by %s its features differ by %.1e of the largest (%.0e is allowed)",
                ENGINE,
                distance,
                TOLERANCE,
            )
            return None
        return request


def largest_difference(found: list[Tensor], expected: list[Tensor]) -> float:
    """Largest difference of stages (B, C, h, w), as a fraction of the largest feature of the stage; inf for NaN."""
    differences = [
        float((one - right).abs().max() / right.abs().max().clamp_min(1e-12))
        for one, right in zip(found, expected, strict=True)
    ]
    return max((value if value == value else float("inf") for value in differences), default=0.0)


class _Stages(nn.Module):
    """A pyramid whose stages are a tuple, as tracing wants them."""

    def __init__(self, pyramid: nn.Module) -> None:
        super().__init__()
        self.pyramid = pyramid

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.pyramid(image))


def _compile(pyramid: nn.Module, image: Tensor) -> InferRequest:
    """Compile for any number of images of this size, (B, 3, H, W), on as many threads as torch has."""
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    # Not in torch's inference mode, whose tensors cannot be traced.
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = torch.zeros(1, *image.shape[1:])
        traced: Any = torch.jit.trace(_Stages(pyramid).eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
        # What openvino.convert_model does, less its telemetry: a training tells nobody that it runs.
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=(example,))
        model = frontend.convert(frontend.load(decoder))
    model.reshape([-1, *image.shape[1:]])
    settings = {
        # Told, because by itself it takes bfloat16 on processors that have it.
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    }
    return openvino.Core().compile_model(model, "CPU", settings).create_infer_request()


def _computed(request: InferRequest, image: Tensor) -> list[Tensor]:
    # Clones: the request writes into the same memory the next time.
    found = request.infer([image.contiguous().numpy()], share_inputs=True, share_outputs=True)
    return [torch.from_numpy(stage).clone(memory_format=torch.channels_last) for stage in found.to_tuple()]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
