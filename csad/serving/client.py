"""A client of the service: send an image, get a decision, or learn why there is none."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from csad.common.errors import ServingError
from csad.serving.proxy import opener_for, route
from csad.serving.token import check_token

IMAGE_PROBLEMS = frozenset({400, 413, 415, 422})
"""Statuses that say something about the image: asking again will not help."""
WRONG_ADDRESS = frozenset({301, 302, 303, 307, 308, 404, 405})


class ImageRefused(ServingError):  # noqa: N818 - what happened to the image
    """The service looked at the image and cannot score it."""


class ServerAway(ServingError):  # noqa: N818
    """No answer, or one that asks to come again.

    Attributes:
        seconds: When the server asks to come again; None where it does not say.
    """

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class ServiceFailed(ServerAway):
    """The service took the image and failed at it: 5xx, or no whole answer. It may be the image's doing."""


@dataclass(frozen=True)
class ScoringClient:
    """Asks one service: on this machine straight, elsewhere through the proxy that the environment names.

    Attributes:
        url: Where the service is, such as http://scorer:3000.
        token: Bearer token; empty for none.
        timeout: Seconds to wait for an answer.
    """

    url: str
    token: str = field(default="", repr=False)
    timeout: float = 60.0

    def __post_init__(self) -> None:
        """Check the address and the token: with a wrong one, asking again would not help.

        Raises:
            ServingError: One cannot be used.
        """
        if not _is_address(self.url):
            raise ServingError(f"{self.url!r} is no address of a service; expected http://host:port")
        check_token(self.token)

    def score(self, content: bytes, name: str) -> dict[str, Any]:
        """Score one encoded image.

        Args:
            content: The image file.
            name: For messages.

        Returns:
            The service's answer, as `csad.serving.schemas.ScoreAnswer`.

        Raises:
            ImageRefused: The service cannot score this image.
            ServiceFailed: The service failed at it: try again, but not for ever.
            ServerAway: Nobody answers, or the service is overloaded: try again.
            ServingError: A wrong address or token: trying again will not help.
        """
        headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url.rstrip("/") + "/score", data=content, headers=headers, method="POST")
        try:
            with opener_for(self.url).open(request, timeout=self.timeout) as answer:
                return _decision(answer.read(), route(self.url))
        except urllib.error.HTTPError as error:
            with error:
                raise self._explain(error, name) from None
        except (ConnectionResetError, TimeoutError, http.client.IncompleteRead) as error:
            # Bare, not a URLError: the connection was made and the image was sent.
            raise ServiceFailed(f"{route(self.url)} took the image and does not answer: {error}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise ServerAway(f"{route(self.url)} does not answer: {reason or type(error).__name__}") from None

    def _explain(self, error: urllib.error.HTTPError, name: str) -> ServingError:
        message, where = _message(error), route(self.url)
        if error.code in (401, 403):
            return ServingError(f"{where} refuses the token ({message}); set CSAD_TOKEN to the service's")
        if error.code in WRONG_ADDRESS:
            return ServingError(f"{where} is not a scoring service (HTTP {error.code}: {message}); check --url")
        if error.code in IMAGE_PROBLEMS:
            return ImageRefused(f"{name}: {message}")
        after = error.headers.get("Retry-After", "")
        kind = ServiceFailed if error.code >= 500 else ServerAway
        return kind(f"{where} answers {error.code}: {message}", float(after) if after.isdecimal() else None)


def _is_address(url: str) -> bool:
    if not (url.isascii() and url.isprintable()) or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")  # as the look-up of the name will
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and port != 0 and parts.username is None


def _decision(body: bytes, url: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not {"score", "threshold", "anomalous"} <= set(answer):
        raise ServingError(f"{url} answers, but not as a scoring service does; check --url")
    return answer


def _message(error: urllib.error.HTTPError) -> str:
    try:
        body = json.loads(error.read(65536))
        return str(body["message"])
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return str(error.reason)
