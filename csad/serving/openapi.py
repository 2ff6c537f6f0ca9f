"""The service described as OpenAPI 3.1, from the same types that it answers with."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from pydantic.json_schema import models_json_schema

from csad.serving.problems import ProblemBody
from csad.serving.schemas import BatchAnswer, Explanation, ModelAnswer, ModelName, ScoreAnswer
from csad.serving.uploads import ImageJson, ImagesJson

Document = dict[str, Any]

PROBLEMS = {
    400: "No body, a wrong field, broken base64 or JSON.",
    408: "The body did not arrive in time.",
    413: "Too many bytes, pixels or images.",
    415: "Not an image, or a body of another type.",
    422: "A corrupt or truncated image.",
    429: "Overloaded; Retry-After says when to come again.",
    500: "The service failed.",
    504: "Not done in time.",
}
BINARY: Document = {"type": "string", "format": "binary"}
IMAGE_TYPES = ("image/png", "image/jpeg", "image/bmp", "image/tiff", "image/webp", "application/octet-stream")


def describe(model: ModelName, with_token: bool) -> Document:
    """Describe the service.

    Args:
        model: What it serves.
        with_token: Whether requests must carry a bearer token.
    """
    types = (ScoreAnswer, BatchAnswer, Explanation, ModelAnswer, ProblemBody, ImageJson, ImagesJson)
    _, schemas = models_json_schema(
        [(kind, "serialization") for kind in types], ref_template="#/components/schemas/{model}"
    )
    document: Document = {
        "openapi": "3.1.0",
        "info": {
            "title": f"CSAD scorer of {model.line}",
            "version": metadata.version("csad"),
            "description": f"Finds logical and structural defects; model {model.version}.",
        },
        "paths": {
            "/score": {"post": _takes_image("score", "Decide on one image", _answer("ScoreAnswer"), with_token)},
            "/explain": {
                "post": _takes_image(
                    "explain",
                    "Decide on one image and show where it is unusual; Accept: image/png gives the picture alone",
                    {
                        "description": "The decision and an overlay",
                        "content": {**_reference("Explanation"), "image/png": {"schema": BINARY}},
                    },
                    with_token,
                )
            },
            "/score_batch": {"post": _takes_images(with_token)},
            "/model": {
                "get": _plain("model", "Where the model comes from", _answer("ModelAnswer"), with_token),
                "post": _plain(
                    "model_by_post", "The same, for clients that only post", _answer("ModelAnswer"), with_token
                ),
            },
            "/metrics": {"get": _plain("metrics", "Figures for Prometheus", _text("text/plain"), False)},
            "/livez": {"get": _plain("livez", "The process runs", _text("text/plain"), False)},
            "/readyz": {"get": _plain("readyz", "The model is loaded", _text("text/plain"), False)},
            "/": {"get": _plain("page", "A page for people", _text("text/html"), False)},
        },
        "components": {"schemas": schemas["$defs"]},
    }
    if with_token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def _takes_image(name: str, summary: str, answer: Document, with_token: bool) -> Document:
    form = {
        "type": "object",
        "required": ["image"],
        "additionalProperties": False,
        "properties": {"image": {**BINARY, "description": "The image file."}},
    }
    content = {kind: {"schema": BINARY} for kind in IMAGE_TYPES}
    content |= {"multipart/form-data": {"schema": form}, **_reference("ImageJson")}
    return _plain(name, summary, answer, with_token) | _body(content) | _responses(answer, with_token, PROBLEMS)


def _takes_images(with_token: bool) -> Document:
    answer = _answer("BatchAnswer")
    form = {
        "type": "object",
        "required": ["images"],
        "additionalProperties": False,
        "properties": {"images": {"type": "array", "minItems": 1, "items": BINARY}},
    }
    content = {"multipart/form-data": {"schema": form}, **_reference("ImagesJson")}
    summary = "Decide on several images; what is wrong with one stays with that one"
    return (
        _plain("score_batch", summary, answer, with_token) | _body(content) | _responses(answer, with_token, PROBLEMS)
    )


def _body(content: Document) -> Document:
    return {"requestBody": {"required": True, "content": content}}


def _plain(name: str, summary: str, answer: Document, with_token: bool) -> Document:
    operation: Document = {"operationId": name, "summary": summary, **_responses(answer, with_token, {})}
    return operation | {"security": [{"token": []}]} if with_token else operation


def _responses(answer: Document, with_token: bool, problems: dict[int, str]) -> Document:
    if with_token:
        problems = problems | {401: "No token, or a wrong one."}
    described = {
        str(status): {"description": text, "content": _reference("ProblemBody")} for status, text in problems.items()
    }
    return {"responses": {"200": answer, **described}}


def _answer(schema: str) -> Document:
    return {"description": "Done", "content": _reference(schema)}


def _reference(schema: str) -> Document:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _text(kind: str) -> Document:
    return {"description": "Done", "content": {kind: {"schema": {"type": "string"}}}}
