"""The classes of a line (paper 3.1) on one HTML page that needs nothing else."""

import base64
from html import escape
from pathlib import Path

from csad.common.atomic import write_text
from csad.pseudo_labels.record import GALLERY, PseudoLabels

FILE = "gallery.html"
STYLE = (
    "body{font:16px system-ui;margin:2rem;max-width:80rem}img{max-width:100%;margin:.5rem 0}"
    "td,th{padding:.2rem 1rem .2rem 0;text-align:left}.doubt{border-left:4px solid #c5871c;padding-left:1rem}"
)


def write_gallery_page(folder: Path, name: str) -> None:
    """Write gallery.html beside the pictures of `generate`.

    Args:
        folder: Output of `generate`.
        name: Name of the product line.
    """
    record = PseudoLabels.read(folder)
    pictures = sorted((folder / GALLERY).glob("*.png"))
    rows = "".join(
        f"<tr><td>{trial.quantile:g}</td><td>{trial.bandwidth:.4g}</td><td>{trial.kept}</td>"
        f"<td>{trial.dropped_fraction:.0%}</td><td>{trial.variation:.2f}</td></tr>"
        for trial in record.trials
    )
    doubts = "".join(f'<p class="doubt">Doubtful: {escape(doubt)}.</p>' for doubt in record.doubts)
    sweep = (
        "<h2>Other bandwidths</h2><table><tr><th>quantile</th><th>bandwidth</th><th>classes</th>"
        f"<th>components left out</th><th>variance of a class's number per image, over its mean</th></tr>{rows}</table>"
    )
    write_text(
        folder / FILE,
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(name)}: components</title>'
        f"<style>{STYLE}</style><h1>{escape(name)}</h1>"
        f"<p>{record.classes} classes from {record.components} components "
        f"(bandwidth {record.bandwidth:.4g}). {escape(record.note)}.</p>{doubts}"
        f"{''.join(map(_picture, pictures))}{sweep if rows else ''}</html>\n",
    )


def _picture(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<p><img alt="{escape(path.stem)}" src="data:image/png;base64,{data}"></p>'
