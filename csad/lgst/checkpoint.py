"""Interrupted student training, on disk: one safetensors file, replaced whole."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from csad.atomic import replacing
from csad.lgst.students import Students

_log = logging.getLogger(__name__)


def fingerprint(run: Mapping[str, object], statistics: Mapping[str, Tensor]) -> str:
    """Digest of all that must be equal for a checkpoint to continue a run.

    Args:
        run: Settings, seed and counts, as JSON can write them.
        statistics: The teacher's tensors, which depend on every training image.
    """
    digest = hashlib.sha256(json.dumps(run, sort_keys=True).encode())
    for name in sorted(statistics):
        digest.update(name.encode())
        digest.update(statistics[name].numpy().tobytes())
    return digest.hexdigest()


def save(path: Path, step: int, run: str, students: Students, averaged: Students, optimiser: torch.optim.Adam) -> None:
    """Write the state after `step` steps of the run with the fingerprint `run`."""
    tensors = {f"students.{name}": tensor for name, tensor in students.state_dict().items()}
    tensors |= {f"averaged.{name}": tensor for name, tensor in averaged.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value for name, value in moments.items()}
    with replacing(path) as temporary:
        contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(contiguous, temporary, metadata={"step": str(step), "run": run})


def resume(path: Path, run: str, students: Students, averaged: Students, optimiser: torch.optim.Adam) -> int:
    """Load the state of an interrupted run in place.

    Returns:
        The number of finished steps; 0, with nothing changed, where there is no usable checkpoint of this run.
    """
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        _log.warning("checkpoint %s cannot be read (%s): training starts anew", path.name, error)
        return 0
    if metadata.get("run") != run:
        _log.warning("checkpoint %s belongs to other images or settings: training starts anew", path.name)
        return 0
    students.load_state_dict(_under("students.", tensors))
    averaged.load_state_dict(_under("averaged.", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("adam.", tensors).items():
        index, _, moment = name.partition(".")
        moments.setdefault(int(index), {})[moment] = tensor
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    step = int(metadata["step"])
    _log.info("student training resumes after step %d", step)
    return step


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
