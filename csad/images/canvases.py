"""The images of a line on its canvas, decoded once."""

from __future__ import annotations

from collections.abc import Sequence

from csad.config.line import ProductLine
from csad.images.records import ImageFile
from csad.images.training_images import read_images
from csad.imaging.canvas import Canvas
from csad.imaging.canvas_store import CanvasStore


def open_canvases(line: ProductLine, canvas: Canvas, files: Sequence[ImageFile]) -> CanvasStore:
    """Decode images once onto the canvas; use as a context manager."""
    return CanvasStore(canvas, read_images(line, files))
