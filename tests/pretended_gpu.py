"""A GPU for machines that have none: its tensors keep their values in main memory, and mix with no others.

It goes by the name of torch's device `meta`, for without a driver autograd ends the process on one called `cuda`.
Values are real, so whole trainings run on it, with their choices and their losses, to the bits of the CPU. It refuses
what CUDA refuses: operations on tensors of two devices, and NumPy. It also refuses to draw: a seed must mean the same
on every device.
"""

from collections import Counter
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

GPU = torch.device("meta")
CPU = torch.device("cpu")
ACROSS_DEVICES = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}
INDEXING = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default}
"""CUDA takes indices of the CPU."""


class OnGpu(torch.Tensor):
    """A tensor on the pretended GPU; `values` lie in main memory."""

    values: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> "OnGpu":
        # A view of a tensor from outside of inference mode counts versions, within it too.
        with torch.inference_mode(False):
            made = torch.Tensor._make_wrapper_subclass(
                cls,
                values.size(),
                strides=values.stride(),
                storage_offset=values.storage_offset(),
                dtype=values.dtype,
                layout=values.layout,
                device=GPU,
            )
        made.values = values
        return made

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _compute(operation, args, kwargs or {})


class PretendedGpu(TorchDispatchMode):
    """Within it `to("meta")` and `device="meta"` mean the pretended GPU.

    Attributes:
        convolutions: How many ran on each device: "cpu" and "meta".
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions: Counter[str] = Counter()
        self._literals = _Literals()

    def __enter__(self) -> "PretendedGpu":
        self._literals.__enter__()
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._literals.__exit__(*raised)

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation is torch.ops.aten.convolution.default:
            self.convolutions[args[0].device.type] += 1
        return _compute(operation, args, kwargs or {})


class _Literals(TorchFunctionMode):
    """Numbers written in Python go to the GPU by way of the CPU: torch would make real meta tensors of them unasked."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.tensor and kwargs.get("device") == GPU:
            return function(*args, **(kwargs | {"device": CPU})).to(GPU)
        return function(*args, **kwargs)


def _compute(operation: Any, args: tuple, kwargs: dict) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    wanted = kwargs.get("device")
    on_gpu = any(isinstance(tensor, OnGpu) for tensor in tensors) if wanted is None else torch.device(wanted) == GPU
    if operation is torch.ops.aten.copy_.default:
        on_gpu = isinstance(args[0], OnGpu)
    elif wanted is None and on_gpu:
        _refuse_mixtures(operation, args[0], tensors)
    if on_gpu and torch.Tag.nondeterministic_seeded in operation.tags:
        raise RuntimeError(f"{operation} draws on the GPU, where a seed means something else")
    plain_args, plain = tree_map(lambda leaf: leaf.values if isinstance(leaf, OnGpu) else leaf, (args, kwargs))
    result = operation(*plain_args, **(plain if wanted is None else plain | {"device": CPU}))
    if not on_gpu:
        return result
    moved = tree_map(lambda leaf: OnGpu(leaf) if isinstance(leaf, torch.Tensor) else leaf, result)
    if wanted is not None:
        return moved
    return return_and_correct_aliasing(operation, args, kwargs, moved)


def _refuse_mixtures(operation: Any, first: Any, tensors: list[torch.Tensor]) -> None:
    """Numbers (tensors without dimensions) may lie anywhere, and so may the indices of a tensor of the GPU."""
    if operation in ACROSS_DEVICES or (operation in INDEXING and isinstance(first, OnGpu)):
        return
    for tensor in tensors:
        if not isinstance(tensor, OnGpu) and tensor.dim():
            raise RuntimeError(
                f"expected all tensors on the same device, but {operation} got {tuple(tensor.shape)} on the CPU"
            )
