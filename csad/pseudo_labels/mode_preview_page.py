"""A preview of both modes (paper 3.1) as one HTML page that needs nothing else, or as one picture."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

from PIL import Image

from csad.common.atomic import write_text
from csad.pseudo_labels.gallery import Tile, draw_contact_sheet
from csad.pseudo_labels.mode_preview import ModePreview, Picture, Preview

SIDE = 300
STYLE = (
    "body{font:16px system-ui;margin:2rem;max-width:90rem}table{border-collapse:collapse;width:100%}"
    "td,th{padding:.2rem .6rem .6rem 0;text-align:left;vertical-align:top;width:33%}img{width:100%;display:block}"
    "small{color:#555}"
)
ADVICE = (
    "Coarse where the prompts alone find every part; fine where parts are missing or several parts share a mask. "
    "One colour is one class: the same part should have the same colour everywhere."
)


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
    images, sweep = rows[: len(preview.stems)], rows[len(preview.stems) :]
    summary = "".join(f"<li>{escape(describe_mode(mode))}</li>" for mode in preview.modes)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(preview.line)}: coarse or fine</title>'
        f"<style>{STYLE}</style><h1>{escape(preview.line)}: coarse or fine</h1><p>{escape(ADVICE)}</p>"
        f"<p>The line says <code>mode: {escape(preview.chosen)}</code>.</p><ul>{summary}</ul>{_table(images)}"
        f"<h2>Other bandwidths</h2>{_table(sweep) if sweep else '<p>No components to group.</p>'}</html>\n"
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


def _table(rows: list[list[Tile]]) -> str:
    lines = ["".join(map(_cell, row)) for row in rows]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _cell(tile: Tile) -> str:
    return f'<td><img alt="{escape(tile.caption)}" src="{_data(tile.picture)}"><small>{escape(tile.caption)}</small>'


def _data(picture: Picture) -> str:
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, format="JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"
