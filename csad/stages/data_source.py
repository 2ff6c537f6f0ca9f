"""Where a run's images come from."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from csad.errors import DatasetError


def locate(uri: str) -> Path:
    """Resolve the address of a folder.

    Args:
        uri: A path, or file:///path.

    Raises:
        DatasetError: Another kind of address.
    """
    if "://" not in uri:
        return Path(uri)
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise DatasetError(f"cannot read data from {uri}; expected a folder's path or file:///path")
    return Path(unquote(parts.path))
