"""List what a wheel of CSAD requires for some of its extras, one requirement a line: `requirements.py WHEEL EXTRA...`.

An image installs that list in a layer of its own, which stays the same as long as the list does.
"""

import sys
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def requirements(wheel: Path, extras: set[str]) -> list[str]:
    """Read a wheel's metadata.

    Args:
        wheel: The built wheel.
        extras: Names of extras; an extra that refers to others of the same package takes those in.

    Returns:
        Requirements of the core and of the extras, sorted.

    Raises:
        KeyError: The wheel has no such extra; the message names it.
    """
    with ZipFile(wheel) as archive:
        name = next(entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    unknown = extras - set(metadata.get_all("Provides-Extra", []))
    if unknown:
        raise KeyError(f"{wheel.name} has no extra {', '.join(sorted(unknown))}")
    own = canonicalize_name(metadata["Name"])
    declared = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    return sorted({_plain(one) for one in _wanted(declared, own, extras)})


def _wanted(declared: list[Requirement], own: str, extras: set[str]) -> Iterator[Requirement]:
    for one in declared:
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ["", *extras]):
            if canonicalize_name(one.name) == own:
                yield from _wanted(declared, own, extras=set(one.extras))
            else:
                yield one


def _plain(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


if __name__ == "__main__":
    print("\n".join(requirements(Path(sys.argv[1]), set(sys.argv[2:]))))
