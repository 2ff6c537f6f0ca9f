"""Large files over HTTP: with progress, going on where an interrupted download stopped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import certifi
import urllib3

from csad.common.errors import WeightsError
from csad.common.progress import track

PIECE = 2**20
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 60.0
ATTEMPTS = 4
RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def download(url: str, partial: Path, description: str) -> Path:
    """Bring a file; what an earlier call left in `partial` is kept and continued.

    Args:
        url: http or https.
        partial: Where the bytes gather; complete when this returns.
        description: For the progress bar.

    Returns:
        `partial`.

    Raises:
        WeightsError: The server does not answer, refuses, or sends less than it announced.
        OSError: The disk is full or read-only.
    """
    partial.parent.mkdir(parents=True, exist_ok=True)
    with urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS),
        retries=urllib3.Retry(connect=2, read=0, redirect=5, backoff_factor=0.5),
        cert_reqs="CERT_REQUIRED",
        ca_certs=certifi.where(),
    ) as pool:
        error: Exception | None = None
        for _ in range(ATTEMPTS):
            try:
                _continue(pool, url, partial, description)
            except urllib3.exceptions.HTTPError as interrupted:
                error = interrupted
                continue
            return partial
    raise WeightsError(
        f"cannot download {url} ({error}); check the connection, or bring the file by hand and say "
        "`csad weights import FOLDER`"
    ) from error


def _continue(pool: urllib3.PoolManager, url: str, partial: Path, description: str) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    response = pool.request("GET", url, headers=headers, preload_content=False)
    try:
        if response.status == 416:  # nothing is left to send, or the file became shorter
            complete = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
            if complete and int(complete[1]) == have:
                return
            partial.unlink()
            raise urllib3.exceptions.ProtocolError("the server's file is another one than before, starting again")
        if response.status not in (200, 206):
            raise WeightsError(
                f"cannot download {url}: the server answers {response.status} {response.reason}; check the address, "
                "or bring the file by hand and say `csad weights import FOLDER`"
            )
        found = RANGE.fullmatch(response.headers.get("Content-Range", "")) if response.status == 206 else None
        start = int(found[1]) if found else 0
        announced = int(found[2]) if found else int(response.headers.get("Content-Length", 0))
        with partial.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            left = max(0, announced - start)
            for piece in track(_pieces(response), description, -(-left // PIECE) or None):
                file.write(piece)
    finally:
        response.close()
    size = partial.stat().st_size
    if announced and size != announced:
        raise urllib3.exceptions.ProtocolError(f"{size} of {announced} bytes came")


def _pieces(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    yield from response.stream(PIECE, decode_content=False)
