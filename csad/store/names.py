"""What may be part of a key: names that a user gives are checked before anything is asked of the store."""

import re
from pathlib import PurePosixPath

from csad.common.errors import StoreError
from csad.config.line import NAME

DIGEST = re.compile(r"[0-9a-f]{64}")
DIGEST_START = re.compile(r"[0-9a-f]{8,63}")
VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
MODEL_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
EXTRA_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


def check_line(name: str) -> str:
    """Return the name of a product line as it is.

    Raises:
        StoreError: It is none.
    """
    if not NAME.fullmatch(name):
        raise StoreError(
            f"{name!r} is no name of a product line; expected 1 to 63 lower-case letters, digits, - and _, "
            "first and last a letter or digit, such as bottle_line-2"
        )
    return name


def check_digest(digest: str) -> str:
    """Return the digest of a data set as it is.

    Raises:
        StoreError: It is none.
    """
    if not DIGEST.fullmatch(digest):
        raise StoreError(
            f"{digest!r} is no digest of a data set; expected 64 hexadecimal digits, or the first 8 or more: "
            "see `csad data list`"
        )
    return digest


def check_version(version: str) -> str:
    """Return the version of a model as it is.

    Raises:
        StoreError: It is none.
    """
    if not VERSION.fullmatch(version):
        raise StoreError(
            f"{version!r} is no version of a model; expected one like 20261124T101500Z-0123abcd: see `csad models list`"
        )
    return version


def check_model_file(name: str) -> str:
    """Return the relative path of a file of a model folder as it is.

    Raises:
        StoreError: It cannot be part of a key in every store.
    """
    if not MODEL_FILE.fullmatch(name) or len(name) > 200:
        raise StoreError(
            f"{name!r} in the model folder cannot be stored; expected letters, digits, ., - and _ in names"
        )
    return name


def check_extra_file(name: str) -> str:
    """Return the name of a file that lies beside a model as it is.

    Raises:
        StoreError: It is none.
    """
    if not EXTRA_FILE.fullmatch(name) or name in ("manifest.json", "model"):
        raise StoreError(
            f"{name!r} cannot lie beside a model; expected letters, digits, ., - and _, such as bento.tar.gz, "
            "not manifest.json or model"
        )
    return name


def check_relative(name: str) -> str:
    """Return the path of a file inside a folder as it is.

    Raises:
        StoreError: It leads out of the folder.
    """
    path = PurePosixPath(name)
    if not name or "\0" in name or path.is_absolute() or ".." in path.parts or str(path) != name or name == ".":
        raise StoreError(f"{name!r} is no path inside a folder; what names it was not written by csad, do not use it")
    return name
