"""Packages depend on each other in one direction, and the library knows nothing of the platform that it runs on."""

import ast
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import csad

ROOT = Path(csad.__file__).parent
PACKAGES = (
    "cli",
    "reproduction",
    "deployment",
    "packaging",
    "gate",
    "batch",
    "stages",
    "runner",
    "serving",
    "evaluation",
    "calibration",
    "scoring",
    "metrics",
    "segmentation",
    "pseudo_labels",
    "proposals",
    "lgst",
    "foundation",
    "weights",
    "store",
    "images",
    "features",
    "imaging",
    "config",
    "compute",
    "common",
)
"""From top to bottom: a package imports itself and what stands below it."""

TOP_LEVEL = ("pipelines", "components", "kfp_client", "csad")
"""The same for the packages of the repository."""

MAY_IMPORT = {"minio": {"store"}, "bentoml": {"serving"}, "kubernetes": {"deployment"}, "kfp": set()}
"""Packages of csad that may know each platform."""

MOST_LOOSE_MODULES = 5


def imported(source: str) -> set[str]:
    """Full names that a module imports, wherever in it; those of relative imports begin with a dot."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def parts_of(names: Iterable[str], package: str) -> set[str]:
    """What is imported from a package: the names right below it."""
    return {name.split(".")[1] for name in names if name.startswith(f"{package}.")}


def top_levels(names: Iterable[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def upwards(package: str, used: Iterable[str], order: tuple[str, ...]) -> set[str]:
    """The used packages that stand above this one, or nowhere."""
    return set(used) - set(order[order.index(package) :])


def imports_of(file: Path) -> set[str]:
    return imported(file.read_text(encoding="utf-8"))


def modules_in(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.py"))


IN_PACKAGES = [module for module in modules_in(ROOT) if "/" in module]


def test_imports_are_found_inside_functions_too():
    source = (
        "import kfp.dsl\nfrom csad.common import atomic\ndef f():\n    from minio import Minio\n    from .near import x"
    )

    assert imported(source) == {"kfp.dsl", "csad.common.atomic", "minio.Minio", ".near.x"}
    assert top_levels(imported(source)) == {"kfp", "csad", "minio", ""}
    assert parts_of(imported(source), "csad") == {"common"}


def test_an_import_upwards_is_found_and_so_is_one_of_a_package_without_a_place():
    order = ("cli", "store", "common")

    assert upwards("store", {"store", "common"}, order) == set()
    assert upwards("store", {"cli", "common"}, order) == {"cli"}
    assert upwards("cli", {"common", "scorer"}, order) == {"scorer"}


def test_every_package_has_its_place_in_the_order():
    folders = {folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").is_file()}

    assert folders == set(PACKAGES)
    assert len(PACKAGES) == len(set(PACKAGES))


def test_few_modules_stand_outside_of_packages():
    loose = [module for module in modules_in(ROOT) if "/" not in module]

    assert len(loose) <= MOST_LOOSE_MODULES, loose


@pytest.mark.parametrize("module", IN_PACKAGES)
def test_a_module_imports_nothing_from_above_its_package(module):
    used = parts_of(imports_of(ROOT / module), "csad")

    assert not upwards(module.split("/")[0], used, PACKAGES)


def test_no_packages_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {package: set() for package in PACKAGES}
    for module in IN_PACKAGES:
        package = module.split("/")[0]
        graph[package] |= parts_of(imports_of(ROOT / module), "csad") - {package}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"packages in a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("module", modules_in(ROOT))
def test_the_library_imports_no_platform(module):
    package = module.split("/")[0]
    used = top_levels(imports_of(ROOT / module))

    assert "" not in used, "a relative import, which this test cannot follow"
    assert not used & set(TOP_LEVEL[:-1])
    assert {name for name in used & MAY_IMPORT.keys() if package not in MAY_IMPORT[name]} == set()


@pytest.mark.parametrize("package", TOP_LEVEL[:-1])
def test_what_runs_on_kubeflow_depends_in_one_direction(package):
    used = {name for file in (ROOT.parent / package).rglob("*.py") for name in top_levels(imports_of(file))}

    assert not upwards(package, used & set(TOP_LEVEL), TOP_LEVEL)
