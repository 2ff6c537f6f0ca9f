"""Outputs that would be read as images the next time: refused before anything is done."""

from pathlib import Path

from csad.common.errors import DatasetError
from csad.common.printable import printable
from csad.images.reading import EXTENSIONS
from csad.images.walking import walk


def require_outside(images: Path, output: Path, option: str) -> None:
    """Refuse to write a folder to where images are read from, links resolved. A hidden folder may lie there.

    Args:
        images: Folder that is read, with the folders below and those that it links to; of an image, its folder.
        output: What is to be written.
        option: How the user named it, such as "--maps".

    Raises:
        DatasetError: What is written would belong to the images.
    """
    folder = images if images.is_dir() else images.absolute().parent
    target = output.resolve()
    for place in walk(folder).places:
        if target.is_relative_to(place) and not _hidden(target.relative_to(place)):
            raise DatasetError(
                f"{option} {printable(output)} lies in {printable(folder)}, whose images are read: what is written "
                "there would be taken for images the next time; choose a place outside"
            )


def require_no_image_in(images: Path, output: Path | None, option: str) -> None:
    """Refuse a file that would be read as an image; one of another ending may lie among the images.

    Raises:
        DatasetError: The file has an image's ending and lies where images are read from.
    """
    if output is not None and output.suffix.lower() in EXTENSIONS:
        require_outside(images, output, option)


def require_apart(images: Path, output: Path, option: str) -> None:
    """Refuse a folder that lies among the images, and one that is replaced as a whole and holds them.

    Raises:
        DatasetError: One lies in the other.
    """
    require_outside(images, output, option)
    if images.resolve().is_relative_to(output.resolve()):
        raise DatasetError(
            f"{option} {printable(output)} is replaced as a whole, and {printable(images)} lies in it; "
            "choose a place that holds no images"
        )


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
