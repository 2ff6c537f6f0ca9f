"""How the stand-in for a pipeline server finds, lists and refuses."""

import json
import uuid
from typing import Any


class Refused(Exception):  # noqa: N818 - an answer, like any other
    """An answer that is no success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def identity() -> str:
    return str(uuid.uuid4())


def find(known: dict[str, dict[str, Any]], identity: str, what: str) -> dict[str, Any]:
    if identity not in known:
        raise Refused(404, f"{what} {identity!r} not found")
    return known[identity]


def page(known: dict[str, dict[str, Any]], field: str, query: dict[str, str]) -> dict[str, Any]:
    """One page, at most two entries long so that every test of a client reads several."""
    found = sorted(known.values(), key=lambda one: one["created_at"], reverse=query.get("sort_by") == "created_at desc")
    for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
        wanted = predicate.get("stringValue") or predicate.get("string_value")
        found = [one for one in found if one[predicate["key"]] == wanted]
    start = int(query.get("page_token") or 0)
    size = min(int(query.get("page_size") or 10), 2)
    answer: dict[str, Any] = {field: found[start : start + size], "total_size": len(found)}
    if start + size < len(found):
        answer["next_page_token"] = str(start + size)
    return answer
