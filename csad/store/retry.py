"""Try again what may succeed the next time, and say clearly what did not."""

import http.client
from collections.abc import Callable
from typing import TypeVar
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, SSLError, TimeoutError

from csad.common.errors import StoreError
from csad.common.patience import Patience, keep_trying
from csad.store.failures import Conflict, NotFound
from csad.store.settings import StoreSettings

T = TypeVar("T")

PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""HTTP answers after which the same request may succeed."""

REFUSALS = {
    "AccessDenied": "the keys are wrong or not allowed to do this; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "InvalidAccessKeyId": "the store does not know this AWS_ACCESS_KEY_ID; check the keys",
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY does not fit AWS_ACCESS_KEY_ID; check the keys",
    "RequestTimeTooSkewed": "the clocks of this machine and of the store differ; set them",
    "AuthorizationHeaderMalformed": "the store is in another region; set AWS_REGION",
    "NoSuchBucket": "the bucket does not exist; it is made at the next connection",
    "QuotaExceeded": "the store's quota is used up; free some space there",
    "XMinioStorageFull": "the store is full; free some space there",
}

FAILURES = (MinioException, ParseError, ValueError, HTTPError, http.client.HTTPException, OSError)
"""What the client raises, and the disk; a ParseError or ValueError where the answer is not the XML of S3."""

CONNECTING = Patience(seconds=6, attempts=2)
WORKING = Patience(seconds=45, attempts=3)
"""Long enough for a store that is restarted in the middle of a transfer."""


def passes(error: Exception) -> bool:
    """Whether the same request may succeed when it is sent again."""
    if isinstance(error, SSLError):
        return False
    if isinstance(error, S3Error):
        return error.response.status in PASSING or error.code == "RequestTimeout"
    if isinstance(error, ServerError):
        return error.status_code in PASSING
    if isinstance(error, InvalidResponseError):
        return error._code in PASSING
    return isinstance(error, HTTPError | http.client.HTTPException | ConnectionError)


def retrying(work: Callable[[], T], what: str, settings: StoreSettings, patience: Patience) -> T:
    """Do some work against the store; failures that may pass are tried again, with growing pauses.

    Args:
        work: Does it once; safe to repeat.
        what: Such as "read models/a/manifest.json", for messages.
        settings: Names the store in messages.
        patience: When to give up.

    Raises:
        StoreError: It failed for good; the message names the store and what to do.
    """

    def passing(error: Exception) -> str | None:
        return _reason(error) if isinstance(error, FAILURES) and passes(error) else None

    try:
        return keep_trying(work, passing, f"{what} in the store at {settings.url}", patience)
    except FAILURES as error:
        if isinstance(error, OSError) and not passes(error):
            raise
        raise explained(error, what, settings) from None


def explained(error: Exception, what: str, settings: StoreSettings) -> StoreError:
    """Turn a failure of the client into our own, without its requests: these carry signatures."""
    start = f"cannot {what} in the store at {settings.url}"
    if isinstance(error, S3Error):
        code = error.code or f"HTTP {error.response.status}"
        kind = NotFound if code in ("NoSuchKey", "NoSuchVersion") else Conflict if _lost(error) else StoreError
        reason = REFUSALS.get(code, error.message or "no reason given")
        return kind(f"{start}: {code}: {reason}")
    if isinstance(error, ServerError):
        return StoreError(f"{start}: it answers with HTTP status {error.status_code}; look at the store's own log")
    if isinstance(error, InvalidResponseError | ParseError | ValueError):
        return StoreError(
            f"{start}: what answers there does not speak S3; "
            "CSAD_STORE_ENDPOINT must name the S3 port of the store, not its console or a proxy"
        )
    if isinstance(error, SSLError):
        return StoreError(
            f"{start}: its certificate is not accepted; set SSL_CERT_FILE to your authority's, or http://"
        )
    return StoreError(
        f"{start}: {_silence(error)}; check that the store runs, that CSAD_STORE_ENDPOINT is right, "
        "and that this machine may reach it"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, S3Error):
        return f"it answers {error.code or error.response.status}"
    if isinstance(error, ServerError):
        return f"it answers with HTTP status {error.status_code}"
    if isinstance(error, InvalidResponseError):
        return f"it answers with HTTP status {error._code}"
    return _silence(error)


def _lost(error: S3Error) -> bool:
    return error.response.status == 412 or error.code in ("PreconditionFailed", "ConditionalRequestConflict")


def _silence(error: Exception) -> str:
    if isinstance(error, NameResolutionError):
        return "its name is not known"
    if isinstance(error, NewConnectionError):
        return "no connection"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return "the connection broke"
