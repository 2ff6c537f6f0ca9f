"""Checks JSON against the OpenAPI models that come with the published client."""

from datetime import datetime
from typing import Any

import kfp_server_api

WORDS = {"str": str, "int": int, "bool": bool, "float": (int, float)}
INT64 = {"max_concurrency", "interval_second"}
"""64-bit integers: answers write them as text, requests may write them as numbers."""


class Unexpected(ValueError):  # noqa: N818 - what was found
    """JSON that the API's description does not know."""


def check(value: Any, kind: str, path: str = "$", request: bool = False) -> None:
    """Compare a value with a type of the description.

    Raises:
        Unexpected: An unknown key or another type; the message names the place.
    """
    if value is None:
        return
    if kind.startswith("list["):
        _require(isinstance(value, list), value, kind, path)
        for position, item in enumerate(value):
            check(item, kind[5:-1], f"{path}[{position}]", request)
    elif kind.startswith("dict("):
        _require(isinstance(value, dict), value, kind, path)
        for name, item in value.items():
            check(item, kind[5:-1].split(", ", 1)[1], f"{path}.{name}", request)
    elif kind in WORDS:
        number = request and path.rpartition(".")[2] in INT64
        _require(isinstance(value, WORDS[kind]) or (number and isinstance(value, int)), value, kind, path)
    elif kind == "datetime":
        datetime.fromisoformat(value)
    elif kind != "object":
        _check_model(value, getattr(kfp_server_api, kind), path, request)


def _check_model(value: Any, model: type, path: str, request: bool) -> None:
    allowed = getattr(model, "allowable_values", None)
    if allowed is not None:
        _require(value in allowed, value, f"one of {allowed}", path)
        return
    _require(isinstance(value, dict), value, model.__name__, path)
    types = {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}
    for name, item in value.items():
        if name not in types:
            raise Unexpected(f"{path}.{name} is no key of {model.__name__}")
        check(item, types[name], f"{path}.{name}", request)


def _require(fits: bool, value: Any, kind: str, path: str) -> None:
    if not fits:
        raise Unexpected(f"{path} is {value!r}, expected {kind}")
