"""Reading and writing settings as YAML: comments from field descriptions, errors that name the key and its line."""

import difflib
import re
import textwrap
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from csad.common.errors import LineError

COMMENT_WIDTH = 110
Key = tuple[str, ...]


@dataclass(frozen=True)
class Complaint:
    """What is wrong with one key."""

    key: Key
    phrase: str
    meaning: str


def parse(text: str, source: str) -> dict[str, object]:
    """Parse YAML into a mapping.

    Raises:
        LineError: Broken YAML, a repeated key, or something else than a mapping.
    """
    try:
        values = yaml.safe_load(text)
        repeated = list(_repeated(_compose(text)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise LineError(f"{source} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        found = "nothing" if values is None else f"a {type(values).__name__}"
        raise LineError(f"{source} holds {found}; expected `key: value` lines, at least `name: my_line`")
    if repeated:
        raise LineError(
            "\n".join(f"{source}, line {line}: {_dotted(key)} appears twice; keep one" for key, line in repeated)
        )
    return values


def explain(error: ValidationError, model: type[BaseModel], text: str, source: str) -> str:
    """Turn pydantic's report into one sentence per wrong key: where, what was found, what was expected."""
    root = _compose(text)
    complaints: dict[Key, list[Complaint]] = {}
    for detail in error.errors():
        complaint = _complaint(detail, model)
        complaints.setdefault(complaint.key, []).append(complaint)
    sentences = []
    for key, same_key in complaints.items():
        phrase = "; or ".join(dict.fromkeys(complaint.phrase for complaint in same_key))
        meaning = f"\n    {same_key[0].meaning}" if same_key[0].meaning else ""
        sentences.append(f"{source}, line {_line_of(root, key)}: {_dotted(key)}: {phrase}{meaning}")
    return "\n".join(sentences)


def write(settings: BaseModel) -> str:
    """Write settings as commented YAML, every key included."""
    head = ["# Product line of csad. Every key but the name may be left out; the values shown apply then, too.", ""]
    return "\n".join([*head, *_lines(settings, "")]) + "\n"


def _lines(settings: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        section = isinstance(value, BaseModel)
        if section and not indent:
            yield ""
        comment = textwrap.wrap(field.description or "", COMMENT_WIDTH - len(indent))
        yield from (f"{indent}# {line}" for line in comment)
        if section:
            yield f"{indent}{name}:"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{name}: {_scalar(value)}"


def _scalar(value: object) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    # PyYAML writes some control characters so that it does not read them back; escaped, they survive.
    readable = all(
        part.isprintable() for part in (plain if isinstance(plain, list) else [plain]) if isinstance(part, str)
    )
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=readable, width=2**31)
    return text.removesuffix("\n").removesuffix("\n...")


def _complaint(detail: ErrorDetails, model: type[BaseModel]) -> Complaint:
    """Read one of pydantic's errors; the location of a union's or list's error continues below the YAML key."""
    section: type[BaseModel] | None = model
    key: list[str] = []
    meaning = ""
    for part in detail["loc"]:
        if section is None:
            break
        key.append(str(part))
        field = section.model_fields.get(str(part))
        if field is None:
            near = difflib.get_close_matches(str(part), section.model_fields, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(section.model_fields)}"
            return Complaint(tuple(key), f"unknown key; {hint}", "")
        meaning = field.description or ""
        section = field.annotation if _is_model(field.annotation) else None
    if detail["type"] == "missing" and len(key) == len(detail["loc"]):
        return Complaint(tuple(key), "missing; every product line needs it", meaning)
    if section is not None:
        return Complaint(tuple(key), f"found {_short(detail['input'])}, expected a section of `key: value` lines", "")
    return Complaint(tuple(key), f"found {_short(detail['input'])}, expected {_expectation(detail)}", meaning)


def _expectation(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "more values"
    message = detail["msg"].removeprefix("Value error, ")
    message = re.sub(r"^(Input|Tuple|String|Value) should (be|have) ", "", message)
    message = re.sub(r" after validation, not \d+$", "", message)
    return message.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")


def _is_model(annotation: object) -> typing.TypeGuard[type[BaseModel]]:
    return (
        isinstance(annotation, type)
        and not isinstance(annotation, types.GenericAlias)
        and issubclass(annotation, BaseModel)
    )


def _compose(text: str) -> yaml.Node | None:
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _repeated(node: yaml.Node | None, above: Key = ()) -> Iterator[tuple[Key, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for name, value in node.value:
        key = (*above, str(name.value))
        if key[-1] in seen:
            yield key, name.start_mark.line + 1
        seen.add(str(name.value))
        yield from _repeated(value, key)


def _line_of(root: yaml.Node | None, key: Key) -> int:
    """Line of a key, or of the deepest section above it that the file holds."""
    node, line = root, 1
    for part in key:
        match = [
            (name, value)
            for name, value in (node.value if isinstance(node, yaml.MappingNode) else ())
            if name.value == part
        ]
        if not match:
            break
        line, node = match[0][0].start_mark.line + 1, match[0][1]
    return line


def _dotted(key: Key) -> str:
    return ".".join(map(str, key)) or "the file"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
