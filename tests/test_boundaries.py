"""The library knows nothing of the platform that it runs on."""

import ast
from pathlib import Path

import pytest

import csad

ROOT = Path(csad.__file__).parent
PLATFORM = {"kfp", "kubernetes", "minio", "bentoml", "components", "pipelines"}
MAY_USE_IT = ("store/", "serving/", "delivery/")


def imported(source: str) -> set[str]:
    """Top-level packages that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_imports_are_found_inside_functions_too():
    assert imported("import kfp.dsl\ndef f():\n    from minio import Minio") == {"kfp", "minio"}


MODULES = sorted(file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*.py"))


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith(MAY_USE_IT)])
def test_the_library_imports_no_platform(module):
    assert not imported((ROOT / module).read_text(encoding="utf-8")) & PLATFORM
