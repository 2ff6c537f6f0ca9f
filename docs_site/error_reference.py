"""Every error that the code raises on purpose, with its messages, read from the source."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from mkdocs.exceptions import PluginError

from docs_site.tables import one_line, table

ROOT = Path(__file__).parents[1]
REMEDIES = Path(__file__).parent / "remedies.yaml"
PACKAGES = ("csad", "components", "kfp_client", "pipelines")
BASE = "CsadError"


@dataclass(frozen=True)
class ErrorClass:
    """A class of errors.

    Attributes:
        name: Name of the class.
        base: The class above it.
        meaning: Its docstring.
        module: Where it is defined.
    """

    name: str
    base: str
    meaning: str
    module: str


def classes() -> str:
    """A table of all classes with what to do first.

    Raises:
        PluginError: A class without a remedy in remedies.yaml.
    """
    remedies = read_remedies()
    if lacking := [one.name for one in find_classes() if one.name not in remedies]:
        raise PluginError(f"{REMEDIES.name} does not say what to do about {', '.join(lacking)}; add it")
    rows = [
        (f"[`{one.name}`](error-messages.md#{one.name.lower()})", one_line(one.meaning), one_line(remedies[one.name]))
        for one in find_classes()
    ]
    return table(("error", "what it means", "what to do first"), rows)


def messages() -> str:
    """The messages of each class, as they stand in the code: what is in ‹› differs from case to case."""
    found = find_messages()
    parts = []
    for one in find_classes():
        said = sorted(found.get(one.name, ()), key=str.casefold)
        parts.append(f"### {one.name}")
        parts.append(f"{one_line(one.meaning)} Defined in `{one.module}`.")
        parts.append("\n".join(f"- {_quoted(text)}" for text in said) or "Raised with messages made elsewhere.")
    return "\n\n".join(parts)


def read_remedies() -> Mapping[str, str]:
    """What to do first, by the class's name."""
    found: Mapping[str, str] = yaml.safe_load(REMEDIES.read_text(encoding="utf-8"))
    return found


@cache
def find_classes() -> tuple[ErrorClass, ...]:
    """Every public class derived from the base, the base excepted, in the order of their names."""
    candidates = [
        ErrorClass(node.name, base.id, ast.get_docstring(node) or "", _module(file))
        for file, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name)
    ]
    known = {BASE}
    while added := {one.name for one in candidates if one.base in known} - known:
        known |= added
    found = {one.name: one for one in candidates if one.name in known and one.base in known}
    return tuple(found[name] for name in sorted(found) if not name.startswith("_"))


def find_messages() -> dict[str, set[str]]:
    """The literal messages that each class is made with."""
    names = {one.name for one in find_classes()}
    found: dict[str, set[str]] = defaultdict(set)
    for _, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names and node.args:
                found[node.func.id] |= set(templates(node.args[0]))
    return found


def templates(node: ast.expr) -> Iterator[str]:
    """What an expression may say: both sides of a choice, a sum of texts as one."""
    if isinstance(node, ast.IfExp):
        yield from templates(node.body)
        yield from templates(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(_piece(part) for part in node.values)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        for left in templates(node.left):
            for right in templates(node.right):
                yield left + right


def _piece(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    return f"‹{_name(part.value)}›"


def _name(value: ast.expr) -> str:
    """A short name for what a message puts in: the last name in the expression."""
    names = [node.attr if isinstance(node, ast.Attribute) else node.id for node in ast.walk(value)
             if isinstance(node, ast.Attribute | ast.Name)]  # fmt: skip
    return names[0] if names else "..."


def _quoted(text: str) -> str:
    """Inline code that may hold backticks itself."""
    text = one_line(text)
    return f"`` {text} ``" if "`" in text else f"`{text}`"


@cache
def _sources() -> tuple[tuple[Path, ast.Module], ...]:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return tuple((file, ast.parse(file.read_text(encoding="utf-8"))) for file in files)


def _module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)
