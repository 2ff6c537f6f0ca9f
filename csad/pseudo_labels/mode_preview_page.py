"""A preview of both modes (paper 3.1) as one HTML page that needs nothing else, or as one picture."""

from __future__ import annotations

from pathlib import Path

from csad.common.atomic import write_text
from csad.common.pages import render_page
from csad.imaging.heat import encode_jpeg
from csad.pseudo_labels.gallery import Tile, draw_contact_sheet
from csad.pseudo_labels.mode_preview import ModePreview, Preview

SIDE = 300


def write_preview(path: Path, preview: Preview) -> Path:
    """Write a preview.

    Args:
        path: An .html or a .png file.
        preview: Both modes.

    Returns:
        The path.
    """
    if path.suffix.lower() == ".html":
        write_text(path, _page(preview))
        return path
    return draw_contact_sheet(path, _tiles(preview), f"{preview.line}: coarse and fine", 1 + len(preview.modes), SIDE)


def _caption(mode: ModePreview, index: int) -> str:
    return f"{mode.mode}: {mode.masks[index]} masks" if mode.pictures else f"{mode.mode}: {mode.note}"


def _rows(preview: Preview) -> list[list[Tile]]:
    """The image and both modes, image by image; then the sweep, bandwidth by bandwidth."""
    rows = []
    for index, (stem, image) in enumerate(zip(preview.stems, preview.images, strict=True)):
        modes = [
            Tile(_caption(mode, index), mode.pictures[index] if mode.pictures else image) for mode in preview.modes
        ]
        rows.append([Tile(stem, image), *modes])
    blank = preview.images[0]
    for place in range(max(len(mode.sweep) for mode in preview.modes)):
        tiles = []
        for mode in preview.modes:
            point = mode.sweep[place] if place < len(mode.sweep) else None
            caption = f"{mode.mode}: {point.classes} classes, {point.dropped_fraction:.0%} left out" if point else ""
            tiles.append(Tile(caption, point.picture if point else blank))
        quantile = next(mode.sweep[place].quantile for mode in preview.modes if place < len(mode.sweep))
        rows.append([Tile(f"bandwidth_quantile {quantile:g}", blank), *tiles])
    return rows


def _tiles(preview: Preview) -> list[Tile]:
    return [tile for row in _rows(preview) for tile in row]


def _page(preview: Preview) -> str:
    rows = _rows(preview)
    return render_page(
        "pseudo_labels",
        "mode_preview.html",
        preview=preview,
        summary=[describe_mode(mode) for mode in preview.modes],
        images=rows[: len(preview.stems)],
        sweep=rows[len(preview.stems) :],
        jpeg=encode_jpeg,
    )


def describe_mode(mode: ModePreview) -> str:
    """One line for people."""
    if mode.note:
        return f"{mode.mode}: {mode.note}"
    mean = sum(mode.masks) / len(mode.masks)
    return (
        f"{mode.mode} ({mode.finder}): {mean:.1f} masks an image ({min(mode.masks)} to {max(mode.masks)}), "
        f"{mode.classes} classes in at least two images"
    )
