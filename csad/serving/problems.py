"""What a request can do wrong, as HTTP: a status, a word for programs and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from csad.common.errors import CorruptImage, EmptyImage, ImageError, NotAnImage, TooManyPixels


class ProblemBody(BaseModel):
    """Body of every answer that is not a success."""

    model_config = ConfigDict(frozen=True)

    error: str = Field(description="One word for programs, such as corrupt_image.")
    message: str = Field(description="What was found, what was expected and what to do.")


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """A request that is answered with an error.

    Attributes:
        status: HTTP status.
        body: What the answer says.
        headers: Sent with it, such as Retry-After.
    """

    def __init__(self, status: int, error: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = ProblemBody(error=error, message=message)
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        return JSONResponse(self.body.model_dump(), status_code=self.status, headers=self.headers)


def of_image(error: ImageError) -> Problem:
    """Say what is wrong with an image."""
    status, word = 422, "unusable_image"
    if isinstance(error, EmptyImage):
        status, word = 400, "empty_image"
    elif isinstance(error, NotAnImage):
        status, word = 415, "not_an_image"
    elif isinstance(error, TooManyPixels):
        status, word = 413, "too_many_pixels"
    elif isinstance(error, CorruptImage):
        status, word = 422, "corrupt_image"
    return Problem(status, word, str(error))


def overloaded(what: str, seconds: int) -> Problem:
    """More work than can be taken in; `seconds` is when to come again."""
    return Problem(429, "overloaded", f"{what}; try again in {seconds} s", {"Retry-After": str(seconds)})


def too_many_bytes(limit: int) -> Problem:
    """A body beyond the limit."""
    return Problem(
        413,
        "too_many_bytes",
        f"the request is larger than {limit:,} bytes (CSAD_MAX_BYTES); send a smaller image or fewer at a time",
    )


def timed_out(seconds: float) -> Problem:
    """Work that took longer than allowed."""
    return Problem(504, "timeout", f"not done within {seconds:g} s (CSAD_TIMEOUT); try again, or send fewer images")


def slow_upload(seconds: float) -> Problem:
    """A body that did not arrive."""
    return Problem(408, "slow_upload", f"the request's body did not arrive within {seconds:g} s (CSAD_TIMEOUT)")


def internal() -> Problem:
    """Our own fault; what it was stands in the log only."""
    return Problem(500, "internal_error", "the service failed at this request; its log says why")


NAMES = {
    404: ("no_such_page", "there is nothing at this address; /docs.json lists what there is"),
    405: ("wrong_method", "this address does not take this method; /docs.json lists what it takes"),
}


def of_status(status: int) -> Problem:
    """A problem for a status that something else than this package chose."""
    error, message = NAMES.get(status, ("bad_request" if status < 500 else "unavailable", f"HTTP status {status}"))
    return Problem(status, error, message)
