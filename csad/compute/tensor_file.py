"""Tensors in a file that is whole or absent, and that others may read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from csad.common import atomic


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write named tensors in the safetensors format.

    safetensors 0.8 by itself makes files that their owner alone can read, whatever the umask: another user of a shared
    folder would find nothing there.

    Args:
        tensors: On any device, in any memory layout; none shares memory with another.
        path: What is written.
        metadata: Texts that are stored beside them.

    Raises:
        OSError: The disk is full or refuses; so does SafetensorError. What was there before is as it was.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic.replacing(path) as temporary:
        save_file(whole, temporary, metadata=dict(metadata) if metadata else None)
