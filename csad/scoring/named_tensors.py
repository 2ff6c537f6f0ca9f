"""Tensors or arrays of several parts in one flat mapping: "part.name"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def flat(**parts: Mapping[str, T]) -> dict[str, T]:
    """Put the name of its part before the name of each tensor."""
    return {f"{part}.{name}": value for part, tensors in parts.items() for name, value in tensors.items()}


def part_of(tensors: Mapping[str, T], part: str) -> dict[str, T]:
    """The tensors of one part, by their own names; empty where there is no such part."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
