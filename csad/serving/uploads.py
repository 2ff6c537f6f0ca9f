"""Requests to images still encoded: a multipart form, the bytes themselves, or JSON with base64."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from csad.serving.problems import Problem, slow_upload, too_many_bytes

if TYPE_CHECKING:
    from csad.serving.body_budget import BodyReservation

RAW_TYPES = ("image/", "application/octet-stream")
LONGEST_NAME = 200


class ImageJson(BaseModel):
    """One image as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # An empty one is refused as an image that is empty, which says more than a wrong length would.
    image: str = Field(
        description="The image file in base64; a data: URL is understood, too.", json_schema_extra={"minLength": 1}
    )


class ImagesJson(BaseModel):
    """Several images as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: tuple[str, ...] = Field(min_length=1, description="Image files in base64.")


@dataclass(frozen=True)
class Upload:
    """An image file as it was sent.

    Attributes:
        name: What answers and messages call it.
        content: Its bytes; a Problem where they could not even be read from the request.
    """

    name: str
    content: bytes | Problem


async def read_body(request: Request, max_bytes: int, timeout: float, reservation: BodyReservation) -> bytes:
    """Read a request's body, refusing it before it is held.

    Args:
        request: The request.
        max_bytes: Size of the largest body.
        timeout: Seconds until it must have arrived.
        reservation: Grows to the length that is announced, or to what arrived.

    Raises:
        Problem: 413 too large, 429 no room beside the other bodies, 400 broken off or without a byte, 408 too slow,
            415 compressed.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Problem(415, "compressed_body", f"the body is {encoding[:40]!r}; send it without Content-Encoding")
    length = request.headers.get("content-length", "")
    if length.isdecimal():
        if int(length) > max_bytes:
            raise too_many_bytes(max_bytes)
        reservation.grow_to(int(length))
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            async for chunk in request.stream():
                if len(body) + len(chunk) > max_bytes:
                    raise too_many_bytes(max_bytes)
                reservation.grow_to(len(body) + len(chunk))
                body += chunk
    except TimeoutError:
        raise slow_upload(timeout) from None
    except ClientDisconnect:
        raise Problem(400, "broken_off", "the connection ended before the body did") from None
    if not body:
        raise Problem(400, "empty_body", "the request has no body; send an image")
    return bytes(body)


async def one_image(request: Request, body: bytes) -> Upload:
    """Find the one image of a request.

    Raises:
        Problem: 400 a wrong field, none or several; 415 a body of another type.
    """
    kind = media_type(request)
    if kind == "multipart/form-data":
        uploads = await _from_form(request, body, "image", most=1)
        return uploads[0]
    if kind == "application/json":
        upload = _from_base64("image", _parse(ImageJson, body).image)
    elif kind.startswith(RAW_TYPES):
        upload = Upload("image", body)
    else:
        raise _unknown_type(kind, "multipart/form-data with a file named image, image/*, or application/json")
    return upload


async def several_images(request: Request, body: bytes, most: int) -> list[Upload]:
    """Find the images of a batch request, at least one.

    Raises:
        Problem: 400 a wrong field or none; 413 too many; 415 a body of another type.
    """
    kind = media_type(request)
    if kind == "multipart/form-data":
        return await _from_form(request, body, "images", most)
    if kind == "application/json":
        images = _parse(ImagesJson, body).images
        if len(images) > most:
            raise _too_many(most)
        return [_from_base64(str(index), image) for index, image in enumerate(images)]
    raise _unknown_type(kind, "multipart/form-data with files named images, or application/json")


def media_type(request: Request) -> str:
    """The body's type without parameters, in lower case."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def _from_form(request: Request, body: bytes, field: str, most: int) -> list[Upload]:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, chunks(), max_files=most, max_fields=0)
    parser.spool_max_size = len(body)  # the body is in memory already: nothing is written to a disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise _too_many(most) from None
        if error.message.startswith("Too many fields"):
            raise _wrong_field("a field that is no file", field) from None
        raise Problem(400, "broken_form", f"the form cannot be read: {error.message}") from None
    except Exception as error:
        # python-multipart raises of its own on what it cannot split.
        raise Problem(400, "broken_form", f"the form cannot be read: {type(error).__name__}") from None
    uploads = []
    for name, value in form.multi_items():
        if name != field or not isinstance(value, UploadFile):
            raise _wrong_field(f"the field {name[:80]!r}", field)
        uploads.append(Upload((value.filename or field)[-LONGEST_NAME:], await value.read()))
    if not uploads:
        raise _wrong_field("no file", field)
    return uploads


def _parse(model: type[Any], body: bytes) -> Any:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part)[:80] for part in first["loc"]) or "the body"
        raise Problem(400, "wrong_json", f"{place}: {first['msg']}; /docs.json says what is expected") from None


def _from_base64(name: str, text: str) -> Upload:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return Upload(name, base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return Upload(name, Problem(400, "broken_base64", f"{name}: not base64; encode the image file's bytes"))


def _wrong_field(found: str, field: str) -> Problem:
    return Problem(400, "wrong_field", f"the form has {found}; expected a file in the field {field!r}")


def _too_many(most: int) -> Problem:
    return Problem(
        413, "too_many_images", f"more than {most} images (CSAD_MAX_FILES for batches); send fewer at a time"
    )


def _unknown_type(kind: str, expected: str) -> Problem:
    found = f"Content-Type is {kind[:80]!r}" if kind else "there is no Content-Type"
    return Problem(415, "unknown_body_type", f"{found}; expected {expected}")
