"""Which code a stage's result depends on."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import csad

PACKAGE = "csad"
ROOT = Path(csad.__file__).parent


@cache
def code_version(module: str) -> str:
    """The release and a digest of all code that a module uses: results of other code are never taken for this one's.

    Args:
        module: Full name of a module of csad, such as "csad.stages.masks".
    """
    digest = hashlib.sha256()
    for name in sorted(_reachable(module)):
        digest.update(f"{name}\0".encode())
        digest.update(_file(name).read_bytes())
    return f"{metadata.version(PACKAGE)}+{digest.hexdigest()[:12]}"


def _reachable(module: str) -> set[str]:
    """Modules of csad that a module imports, directly or not, itself among them."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or not _file(name).is_file():
            continue
        found.add(name)
        waiting += _imported(name)
    return found


def _imported(module: str) -> Iterator[str]:
    """Names that a module's import statements may refer to; some are functions or classes and have no file."""
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(_file(module).read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            names = [source, *(f"{source}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == PACKAGE:
                yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _file(module: str) -> Path:
    """The file of a module of csad, which need not exist."""
    parts = module.split(".")[1:]
    folder = ROOT.joinpath(*parts)
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
