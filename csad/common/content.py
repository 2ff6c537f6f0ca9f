"""The digest of a set of files: of an ingested data set, and of its snapshot in the store."""

import hashlib
from collections.abc import Mapping


def content_digest(contents: Mapping[str, str]) -> str:
    """SHA-256 over sorted names and the SHA-256 of each file's bytes.

    Args:
        contents: Per relative name, in Unicode's form NFC, the hexadecimal digest of the file.
    """
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(f"{name}\0{contents[name]}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
