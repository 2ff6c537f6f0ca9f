"""Strict loading of published weights: a file that is the right one and fills the whole network, or a refusal.

Pickles are read with `weights_only=True`: they hold tensors, they never run code.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from csad.common.errors import WeightsError
from csad.common.file_stamp import FileStamp
from csad.common.hashing import file_sha256

SHOWN = 5
"""Keys that a message names before it only counts."""

WRAPPERS = ("model", "state_dict", "model_state_dict")
"""Keys under which training programs put the state dict beside their optimiser."""


def load_strictly(
    module: nn.Module,
    path: Path,
    *,
    sha256: str | None = None,
    prefix_map: Mapping[str, str] | None = None,
    computed: Collection[str] = (),
    unused: Collection[str] = (),
    optional: Collection[str] = (),
) -> str:
    """Fill a module with the tensors of a file: every key and shape must fit.

    A module on the meta device receives the file's tensors without a copy.

    Args:
        module: The network.
        path: A .safetensors file, or a pickled state dict (plain, or under "model" or "state_dict").
        sha256: Digest that the file must have; None accepts any.
        prefix_map: Prefixes of the file's keys and what they become, such as {"module.": ""}; the longest match counts.
        computed: Last parts of keys that the network computes itself, such as "position_ids"; the file's copies of
            them, where it has any, are left out.
        unused: Mapped names that the file may hold beside the network, such as what only its training needed.
        optional: Mapped names that the file may lack; the module keeps its own.

    Returns:
        The file's SHA-256.

    Raises:
        WeightsError: The file is missing, damaged, not the one that the digest names, or of another network.
    """
    before = FileStamp.find(path)
    digest = verify_digest(path, sha256)
    state = _renamed(read_state(path), prefix_map or {}, path)
    if FileStamp.find(path) != before:
        raise WeightsError(
            f"weights file {path} changed while it was read; run the same command again when it is whole"
        )
    own = module.state_dict()
    state = {name: tensor for name, tensor in state.items() if name in own or name not in unused}
    state = {name: tensor for name, tensor in state.items() if not _ends_in(name, computed)}
    state |= {
        name: tensor
        for name, tensor in own.items()
        if name not in state and (_ends_in(name, computed) or name in optional) and not tensor.is_meta
    }
    _require_same_keys(state, own, module, path)
    _require_same_shapes(state, own, module, path)
    on_meta = any(tensor.is_meta for tensor in own.values())
    cast = {name: tensor.to(own[name].dtype) for name, tensor in state.items()}
    module.load_state_dict(cast, strict=True, assign=on_meta)
    return digest


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict, running none of the file's code.

    Args:
        path: A .safetensors file, or a pickled state dict (plain, or under "model" or "state_dict").

    Raises:
        WeightsError: The file is missing, truncated, or holds something else.
    """
    require_file(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"weights file {path} cannot be read ({reason}); expected .safetensors or a pickle of nothing but tensors, "
            "fetch it again"
        ) from error
    return _unwrapped(found, path)


def file_digest(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        WeightsError: The file is missing or unreadable.
    """
    require_file(path)
    try:
        return file_sha256(path)
    except OSError as error:
        raise WeightsError(f"weights file {path} cannot be read: {error.strerror or error}") from error


def verify_digest(path: Path, sha256: str | None) -> str:
    """Compare a file with the digest it must have.

    Args:
        path: The file.
        sha256: Hexadecimal digest; None accepts any.

    Returns:
        The file's SHA-256.

    Raises:
        WeightsError: The file is missing, or is another one; the message names both digests.
    """
    digest = file_digest(path)
    if sha256 is not None and digest != sha256.lower():
        raise WeightsError(
            f"weights file {path} is not the expected one: its sha256 is {digest}, expected {sha256.lower()}; "
            "it was changed, truncated or swapped, fetch it again"
        )
    return digest


def require_file(path: Path) -> Path:
    """Return the path of a file that exists.

    Raises:
        WeightsError: It does not, or is a folder.
    """
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(f"weights file {path} {found}; run csad weights sync, or set the path of the file")
    return path


def _unwrapped(found: object, path: Path) -> dict[str, Tensor]:
    """Take the state dict out of what a training program saved."""
    for key in WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
            break
    if not isinstance(found, Mapping) or not found:
        raise WeightsError(f"weights file {path} holds {_describe(found)}; expected a state dict, names and tensors")
    strangers = [str(name) for name, value in found.items() if not isinstance(value, Tensor)]
    if strangers:
        raise WeightsError(
            f"weights file {path} is no state dict: {_listed(strangers)} hold no tensor; expected names and tensors, "
            f"at the top or under one of: {', '.join(WRAPPERS)}"
        )
    return {str(name): value for name, value in found.items()}


def _describe(found: object) -> str:
    return "an empty mapping" if isinstance(found, Mapping) else f"a {type(found).__name__}"


def _renamed(state: dict[str, Tensor], prefixes: Mapping[str, str], path: Path) -> dict[str, Tensor]:
    longest_first = sorted(prefixes, key=len, reverse=True)
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        prefix = next((prefix for prefix in longest_first if name.startswith(prefix)), "")
        new = prefixes[prefix] + name[len(prefix) :] if prefix else name
        if new in renamed:
            raise WeightsError(f"{path} has two tensors for {new!r} once its prefixes are mapped; use another file")
        renamed[new] = tensor
    return renamed


def _ends_in(name: str, last_parts: Collection[str]) -> bool:
    return name.rpartition(".")[2] in last_parts


def _require_same_keys(state: Mapping[str, Tensor], own: Mapping[str, Tensor], module: nn.Module, path: Path) -> None:
    missing = sorted(own.keys() - state.keys())
    unexpected = sorted(state.keys() - own.keys())
    if missing or unexpected:
        raise WeightsError(
            f"{path} does not fit {type(module).__name__}: {len(missing)} of {len(own)} tensors are missing"
            f"{_example(missing)}, {len(unexpected)} are unexpected{_example(unexpected)}; "
            "use the file of this architecture"
        )


def _require_same_shapes(state: Mapping[str, Tensor], own: Mapping[str, Tensor], module: nn.Module, path: Path) -> None:
    wrong = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if state[name].shape != tensor.shape
    ]
    kinds = [
        f"{name} {state[name].dtype} instead of {tensor.dtype}"
        for name, tensor in own.items()
        if state[name].is_floating_point() != tensor.is_floating_point()
    ]
    if wrong or kinds:
        raise WeightsError(
            f"{path} does not fit {type(module).__name__}: {len(wrong or kinds)} of {len(own)} tensors have another "
            f"{'shape' if wrong else 'type'}: {_listed(wrong or kinds)}; use the file of this architecture"
        )


def _example(names: Sequence[str]) -> str:
    return f" ({_listed(names)})" if names else ""


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
