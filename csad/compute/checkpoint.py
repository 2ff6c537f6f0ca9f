"""Interrupted training, on disk: one safetensors file, replaced whole."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from csad.common.hashing import json_sha256
from csad.compute.tensor_file import save_tensors

CHECKPOINT = "checkpoint.safetensors"
"""Name in the folder of a stage; gone when the stage is done."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """All that the next step of a training needs from those before.

    Attributes:
        step: Finished steps.
        parts: Tensors by part, such as "students", and name.
        draws: State of random draws, as JSON can write it.
    """

    step: int
    parts: Mapping[str, Mapping[str, Tensor]]
    draws: Mapping[str, Any] = field(default_factory=dict)


def fingerprint(run: Mapping[str, object], contents: Iterable[NDArray[Any]]) -> str:
    """Digest of all that must be equal for a checkpoint to continue a run.

    Args:
        run: Settings, seed and counts, as JSON can write them.
        contents: What is learned from, always in the same order.
    """
    digest = hashlib.sha256(json_sha256(run).encode())
    for content in contents:
        digest.update(content.tobytes())
    return digest.hexdigest()


def save(path: Path, run: str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint of the run with the fingerprint `run`.

    Raises:
        OSError: The disk is full or refuses; so does SafetensorError. The last checkpoint is as it was.
    """
    tensors = {f"{part}/{name}": tensor for part, named in checkpoint.parts.items() for name, tensor in named.items()}
    metadata = {"step": str(checkpoint.step), "run": run, "draws": json.dumps(checkpoint.draws)}
    save_tensors(tensors, path, metadata)


def find(path: Path, run: str) -> Checkpoint | None:
    """Read the checkpoint of an interrupted run; None where there is no usable one of this run."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        _log.warning("checkpoint %s cannot be read (%s): training from scratch", path.name, error)
        return None
    if metadata.get("run") != run:
        _log.warning("checkpoint %s belongs to other images or settings: training from scratch", path.name)
        return None
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = tensor
    found = Checkpoint(int(metadata["step"]), parts, json.loads(metadata["draws"]))
    _log.info("training resumes after step %d", found.step)
    return found


def discard(path: Path) -> None:
    """Remove a checkpoint, and any that a killed process was writing in its folder."""
    path.unlink(missing_ok=True)
    for unfinished in path.parent.glob(f".*{path.suffix}"):
        unfinished.unlink()


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser keeps of its parameters; every value must be a tensor, as Adam's are."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{name}": value for index, values in state.items() for name, value in values.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Undo `optimiser_tensors`; rates and other settings stay as they are."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        like = parameters[int(index)]
        # In the parameter's memory layout, as the optimiser makes them: rounding must not depend on a resumption.
        value = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor
        state.setdefault(int(index), {})[name] = value.detach()
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
