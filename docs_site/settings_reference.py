"""The settings of a product line as tables, from the models that read them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from csad.config.aliases import KEYS, VALUES
from csad.config.line import ProductLine
from csad.config.presets import PAPER
from docs_site.tables import one_line, table

HEAD = ("key", "value", "default", "paper", "meaning")
OUTSIDE = {
    "gate": "the task `release`; a change trains nothing again",
    "deployment": "the task `deployment` of the promotion run; a change trains nothing again",
    "schedule": "`python -m pipelines schedules`, `submit` and `run`; a change trains nothing again",
}
"""Who reads the sections that no stage reads."""


def reference() -> str:
    """Every setting of a product line, section by section."""
    fields = ProductLine.model_fields
    plain = {name: field for name, field in fields.items() if _model(field.annotation) is None}
    parts = [table(HEAD, [_row(ProductLine, name, "") for name in plain])]
    for name, field in fields.items():
        model = _model(field.annotation)
        if model is not None:
            parts += [f"## {name}", one_line(model.__doc__ or ""), f"Read by: {_readers(name)}.", *_tables(model, name)]
    return "\n\n".join(parts)


def old_names() -> str:
    """What keys and values were called in the release before, and are called now."""
    keys = [
        (f"`{section}.{old}`", f"`{section}.{new}`") for section, known in KEYS.items() for old, new in known.items()
    ]
    values = [
        (f"`{section}.{key}: {old}`", f"`{section}.{key}: {new}`")
        for section, known in VALUES.items()
        for key, names in known.items()
        for old, new in names.items()
    ]
    return table(("old", "now"), [*keys, *values])


def stage_sections() -> Mapping[str, tuple[str, ...]]:
    """The sections that each stage's result depends on, in the order of the stages."""
    from csad.stages import clustering, evaluation, ingest, lgst, masks, segnet, statistics, tagging

    stages = (ingest, tagging, masks, clustering, segnet, lgst, statistics, evaluation)
    every = tuple(name for name in ProductLine.model_fields if name not in OUTSIDE)
    return {module.STAGE.name: module.STAGE.sections or every for module in stages}


def type_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Say what a JSON schema takes: "integer", "`a` or `b`", "list of number, or `null`"."""
    if "$ref" in schema:
        return type_of(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        return ", or ".join(dict.fromkeys(type_of(one, definitions) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        items = schema.get("prefixItems")
        if items:
            return f"[{', '.join(type_of(one, definitions) for one in items)}]"
        return f"list of {type_of(schema['items'], definitions)}"
    return "`null`" if schema.get("type") == "null" else str(schema["type"])


def range_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Say what values a JSON schema takes of its type; "" where all."""
    if "$ref" in schema:
        return range_of(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    inner = [*schema.get("anyOf", ()), *schema.get("prefixItems", ())[:1]]
    inner += [schema["items"]] if isinstance(schema.get("items"), dict) else []
    said = [_limits(schema), *(range_of(one, definitions) for one in inner)]
    return "; ".join(dict.fromkeys(text for text in said if text))


def _limits(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    parts = []
    if low is not None and high is not None:
        parts.append(f"{low:,} to {high:,}")
    elif above is not None and below is not None:
        parts.append(f"above {above:,}, below {below:,}")
    else:
        words = (("at least", low), ("above", above), ("at most", high), ("below", below))
        parts += [f"{word} {value:,}" for word, value in words if value is not None]
    if "multipleOf" in schema:
        parts.append(f"multiple of {schema['multipleOf']}")
    if "pattern" in schema:
        parts.append(f"`{schema['pattern']}`")
    if schema.get("type") == "array" and schema.get("minItems") and "prefixItems" not in schema:
        parts.append(f"at least {schema['minItems']} of them")
    return ", ".join(parts)


def _tables(model: type[BaseModel], path: str) -> Iterator[str]:
    plain, nested = [], []
    for name, field in model.model_fields.items():
        inner = _model(field.annotation)
        (plain if inner is None else nested).append((name, inner))
    yield table(HEAD, [_row(model, name, path) for name, _ in plain])
    for name, inner in nested:
        assert inner is not None
        yield f"### {path}.{name}"
        yield one_line(inner.__doc__ or "")
        yield from _tables(inner, f"{path}.{name}")


def _row(model: type[BaseModel], name: str, path: str) -> tuple[str, ...]:
    schema = model.model_json_schema()
    about, definitions = schema["properties"][name], schema.get("$defs", {})
    field = model.model_fields[name]
    default = field.get_default(call_default_factory=True)
    shown = "needed" if default is PydanticUndefined else _value(default)
    choice = PAPER.get(f"{path}.{name}")
    paper = _value(choice.value) if choice else ""
    value = ", ".join(part for part in (type_of(about, definitions), range_of(about, definitions)) if part)
    return f"`{name}`", value, shown, paper, one_line(field.description or "")


def _value(value: object) -> str:
    if isinstance(value, float):
        value = float(f"{value:.4g}")
    return f"`{json.dumps(value)}`"


def _readers(section: str) -> str:
    if section in OUTSIDE:
        return OUTSIDE[section]
    return ", ".join(f"`{stage}`" for stage, sections in stage_sections().items() if section in sections)


def _model(annotation: object) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
