"""SHA-256 of files, of sets of files and of plain values: the one place that decides over which bytes."""

import hashlib
import json
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path


def bytes_sha256(content: bytes) -> str:
    """SHA-256 of bytes in memory, hexadecimal like all that follow."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(file: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        OSError: It cannot be read.
    """
    with file.open("rb") as stream:
        return stream_sha256(stream)


def stream_sha256(stream: BufferedReader) -> str:
    """SHA-256 of an open file from where it stands."""
    return hashlib.file_digest(stream, "sha256").hexdigest()


def files_sha256(contents: Mapping[str, str]) -> str:
    """SHA-256 of a set of files, over sorted names and the SHA-256 of each file's bytes.

    Args:
        contents: Per relative name, in Unicode's form NFC, the hexadecimal digest of the file.
    """
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(f"{name}\0{contents[name]}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def json_sha256(value: object) -> str:
    """SHA-256 of what JSON can hold; the order of keys does not change it."""
    return bytes_sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii"))
