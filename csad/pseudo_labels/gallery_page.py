"""The classes of a line (paper 3.1) on one HTML page that needs nothing else."""

from pathlib import Path

from csad.common.atomic import write_text
from csad.common.pages import render_page
from csad.pseudo_labels.record import GALLERY, PseudoLabels

FILE = "gallery.html"
"""Name of the page, and of its template."""


def write_gallery_page(folder: Path, name: str) -> None:
    """Write gallery.html beside the pictures of `generate`.

    Args:
        folder: Output of `generate`.
        name: Name of the product line.
    """
    pictures = [(path.stem, path.read_bytes()) for path in sorted((folder / GALLERY).glob("*.png"))]
    page = render_page("pseudo_labels", FILE, line=name, record=PseudoLabels.read(folder), pictures=pictures)
    write_text(folder / FILE, page)
