"""Tensors of several parts in one flat mapping: "part.name"."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def flat(**parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put the name of its part before the name of each tensor."""
    return {f"{part}.{name}": value for part, tensors in parts.items() for name, value in tensors.items()}


def part_of(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of one part, by their own names; empty where there is no such part."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
