"""Pages that show the code of the method with its docstrings, a page per package."""

import ast
from pathlib import Path

from docs_site.tables import one_line, table

ROOT = Path(__file__).parents[1] / "csad"
PACKAGES = (
    "imaging",
    "features",
    "proposals",
    "pseudo_labels",
    "segmentation",
    "lgst",
    "calibration",
    "scoring",
    "metrics",
    "evaluation",
)
FOLDER = "code"
NOT_SEARCHED = "---\nsearch: {exclude: true}\n---"
"""Whoever looks for a word wants the page that explains it, not every docstring that uses it."""


def modules(package: str) -> list[str]:
    """Full names of a package's modules, those of its subpackages last."""
    folder = ROOT / package
    files = sorted(folder.rglob("*.py"), key=lambda file: (len(file.parts), file))
    named = [file.relative_to(ROOT.parent).with_suffix("").parts for file in files if file.name != "__init__.py"]
    return [".".join(parts) for parts in named]


def pages() -> dict[str, str]:
    """Markdown by the page's address."""
    found = {f"{FOLDER}/{package}.md": _page(package) for package in PACKAGES}
    return {f"{FOLDER}/index.md": _index(), **found}


def _page(package: str) -> str:
    parts = [NOT_SEARCHED, f"# csad.{package}", _summary(ROOT / package / "__init__.py")]
    for module in modules(package):
        parts.append(f"::: {module}\n    options:\n      heading_level: 2")
    return "\n\n".join(parts) + "\n"


def _index() -> str:
    rows = [
        (f"[`csad.{package}`]({package}.md)", _summary(ROOT / package / "__init__.py"), str(len(modules(package))))
        for package in PACKAGES
    ]
    return (
        "# Code of the method\n\nEvery public function and class with its shapes, units, errors and source. "
        "[The method](../method.md) says which equation each one is.\n\n"
        f"{table(('package', 'what', 'modules'), rows)}\n"
    )


def _summary(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return one_line(docstring.split("\n\n")[0])
