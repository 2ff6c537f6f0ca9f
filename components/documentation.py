"""Writes each component's README from its docstring: `python -m components.documentation`."""

import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType

import docstring_parser
import yaml
from kfp import dsl

ROOT = Path(__file__).parent
FILE = "README.md"
RETURNED = "str"
"""Type of what a component returns beside its artifacts."""


def names() -> list[str]:
    """The components: folders with a component.py."""
    return sorted(path.parent.name for path in ROOT.glob("*/component.py"))


def readme(name: str) -> str:
    """Describe a component by its metadata and by what Kubeflow sees of its docstring and its signature."""
    module: ModuleType = import_module(f"components.{name}")
    component: dsl.base_component.BaseComponent = getattr(module, name)
    docstring = docstring_parser.parse(component.python_func.__doc__ or "")
    specification = component.component_spec
    metadata = yaml.safe_load((ROOT / name / "metadata.yaml").read_text(encoding="utf-8"))
    stage = str(metadata["stage"])
    types = {
        parameter.name: _type(parameter.annotation)
        for parameter in inspect.signature(component.python_func).parameters.values()
    }
    inputs, outputs = (
        [f"| `{key}` | {types.get(key, RETURNED)} | {value.description} |" for key, value in (found or {}).items()]
        for found in (specification.inputs, specification.outputs)
    )
    return "\n".join(
        [
            f"# {name}",
            "",
            str(docstring.short_description),
            "",
            f"Adapts [`{stage}`](../../{stage.replace('.', '/')}.py). Runs on {_hardware(metadata)}; "
            f"{'its result is cached' if metadata['cached'] else 'never cached'}.",
            *_table("Inputs", inputs),
            *_table("Outputs", outputs),
            "",
        ]
    )


def write() -> None:
    """Bring every README up to date."""
    for name in names():
        (ROOT / name / FILE).write_text(readme(name), encoding="utf-8")


def _table(title: str, rows: list[str]) -> list[str]:
    return ["", f"## {title}", "", "| name | type | meaning |", "|---|---|---|", *rows]


def _hardware(metadata: dict[str, object]) -> str:
    return "a GPU node (CPU where compiled with `--cpu-only`)" if metadata["gpu"] else "any node"


def _type(annotation: object) -> str:
    if isinstance(annotation, type):
        return annotation.__name__
    return dsl.types.type_annotations.get_io_artifact_class(annotation).__name__


if __name__ == "__main__":
    write()
