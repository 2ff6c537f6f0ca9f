"""Implementations by name, each entered when its module is imported."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Generic, TypeVar

PACKAGE = "csad"

T = TypeVar("T")


class Registry(Generic[T]):
    """Classes of one protocol, by name.

    Args:
        noun: What they are, for messages: "branch".
    """

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._classes: dict[str, type[T]] = {}

    def add(self, name: str, entered: type[T]) -> None:
        """Enter a class; the same one again, imported anew, takes the place of the first.

        Raises:
            ValueError: Another class has this name.
        """
        known = self._classes.get(name)
        if known is not None and _place(known) != _place(entered):
            raise ValueError(f"more than one {self._noun} is called {name}: {_place(known)} and {_place(entered)}")
        self._classes[name] = entered

    def remove(self, name: str) -> None:
        """Take a class out again, such as one that a test entered."""
        del self._classes[name]

    def find(self, name: str) -> type[T] | None:
        """The class of a name; None where there is none."""
        return self._classes.get(name)

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._classes))

    def classes(self) -> tuple[type[T], ...]:
        """All classes, by name."""
        return tuple(self._classes[name] for name in self.names())

    def outside_files(self) -> list[Path]:
        """Files of classes that are no part of csad: results depend on them as they do on its own code."""
        outside = (entered for entered in self._classes.values() if entered.__module__.split(".")[0] != PACKAGE)
        return sorted({Path(inspect.getfile(entered)) for entered in outside})


def _place(entered: type) -> str:
    return f"{entered.__module__}.{entered.__qualname__}"
