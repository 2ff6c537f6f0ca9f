"""The service's addresses, types and limits, from its own OpenAPI description."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from docstring_parser import parse

from csad.serving.openapi import describe
from csad.serving.schemas import ModelName
from csad.serving.settings import ServingSettings
from docs_site.settings_reference import type_of
from docs_site.tables import one_line, table


def operations() -> str:
    """Addresses, what each takes, and how it answers."""
    return "\n\n".join(_operations(_document()))


def types() -> str:
    """The JSON types of requests and answers."""
    schemas = _document()["components"]["schemas"]
    parts = []
    for name, schema in sorted(schemas.items()):
        rows = [
            (f"`{field}`", _type(about, schemas), one_line(about.get("description", "")))
            for field, about in schema["properties"].items()
        ]
        parts += [f"### {name}", one_line(schema.get("description", "")), table(("field", "type", "meaning"), rows)]
    return "\n\n".join(parts)


def variables() -> str:
    """The environment variables that a service reads, from its settings and their docstring."""
    described = {one.arg_name: one.description for one in parse(inspect.getdoc(ServingSettings) or "").params}
    prefix = str(ServingSettings.model_config["env_prefix"])
    rows = [
        (f"`{prefix}{name}`".upper(), _shown(field.default), one_line(described[name] or ""))
        for name, field in ServingSettings.model_fields.items()
    ]
    return table(("variable", "default", "meaning"), rows)


def _shown(default: object) -> str:
    return "none" if default is None or default == "" else f"`{default}`"


def _document() -> dict[str, Any]:
    return describe(ModelName(line="bottles", version="20261124T101500Z-0123abcd"), with_token=True)


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"### {method.upper()} {address}"
            yield f"{operation['summary']}. {_takes(operation)}"
            rows = [
                (status, one_line(answer["description"]), _content(answer))
                for status, answer in sorted(operation["responses"].items())
            ]
            yield table(("status", "meaning", "answer"), rows)


def _takes(operation: Mapping[str, Any]) -> str:
    body = operation.get("requestBody")
    return f"Takes {', '.join(f'`{kind}`' for kind in body['content'])}." if body else ""


def _content(answer: Mapping[str, Any]) -> str:
    return ", ".join(
        f"`{kind}`: [{reference}](#{reference.lower()})" if (reference := _reference(body["schema"])) else f"`{kind}`"
        for kind, body in answer["content"].items()
    )


def _type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    options = schema.get("anyOf", [schema])
    named = [_reference(one) for one in options]
    if any(named):
        return ", or ".join(f"[{name}](#{name.lower()})" if name else "`null`" for name in named)
    if schema.get("type") == "array" and _reference(schema.get("items", {})):
        return f"list of {_type(schema['items'], schemas)}"
    if schema.get("type") == "object":
        return f"object of {_type(schema['additionalProperties'], schemas)}"
    return type_of(schema, schemas)


def _reference(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1]
