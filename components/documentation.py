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


def names() -> list[str]:
    """The components: folders with a component.py."""
    return sorted(path.parent.name for path in ROOT.glob("*/component.py"))


def readme(name: str) -> str:
    """Describe a component by its docstring, its signature and its metadata."""
    module: ModuleType = import_module(f"components.{name}")
    component: dsl.base_component.BaseComponent = getattr(module, name)
    docstring = docstring_parser.parse(component.python_func.__doc__ or "")
    described = {parameter.arg_name: parameter.description or "" for parameter in docstring.params}
    metadata = yaml.safe_load((ROOT / name / "metadata.yaml").read_text(encoding="utf-8"))
    stage = str(metadata["stage"])
    inputs, outputs = [], []
    for parameter in inspect.signature(component.python_func).parameters.values():
        row = f"| `{parameter.name}` | {_type(parameter.annotation)} | {described[parameter.name]} |"
        (outputs if _is_output(parameter.annotation) else inputs).append(row)
    if docstring.returns:
        outputs.append(f"| returned | parameters | {docstring.returns.description} |")
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


def _is_output(annotation: object) -> bool:
    return dsl.types.type_annotations.is_artifact_wrapped_in_Output(annotation)


def _type(annotation: object) -> str:
    if isinstance(annotation, type):
        return annotation.__name__
    return dsl.types.type_annotations.get_io_artifact_class(annotation).__name__


if __name__ == "__main__":
    write()
