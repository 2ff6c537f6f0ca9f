"""A folder whose modules enter themselves in a registry: adding one is adding a file."""

from __future__ import annotations

import importlib
import pkgutil


def import_modules(package: str) -> None:
    """Import every module of a package, in the order of their names.

    A stage's key covers the code that it imports; `csad.runner.code` knows this function by its name, and counts every
    module beside a call of it.

    Args:
        package: Full name of a package that is being imported or was; it calls this with its own `__name__`.
    """
    for module in sorted(pkgutil.iter_modules(importlib.import_module(package).__path__), key=lambda found: found.name):
        importlib.import_module(f"{package}.{module.name}")
