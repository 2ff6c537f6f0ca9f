"""Draws shapes in pixels of the picture on paper that is finer, so that edges are smooth."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FINE = 3
"""Parts are drawn this many times as fine as the picture, and turned before they are reduced."""

Ink = int | tuple[int, int, int]
Point = tuple[float, float]
WHITE = 255


class Pen:
    """A sheet of paper and a pen; all lengths are in pixels of the picture."""

    def __init__(self, width: int, height: int, scale: int = FINE, paper: Ink = 0) -> None:
        """Take a sheet.

        Args:
            width: Width of the sheet.
            height: Height of the sheet.
            scale: How many times as fine it is as the picture.
            paper: Its colour, grey or RGB, 0..255; ink is of the same sort.
        """
        self._size = (width, height)
        self._scale = scale
        mode = "L" if isinstance(paper, int) else "RGB"
        self._sheet = Image.new(mode, (width * scale, height * scale), paper)
        self._draw = ImageDraw.Draw(self._sheet)

    def polygon(self, points: Iterable[Point], ink: Ink = WHITE) -> None:
        """Fill a polygon."""
        self._draw.polygon(self._points(points), fill=ink)

    def outline(self, points: Iterable[Point], width: float, ink: Ink) -> None:
        """Draw the edge of a polygon."""
        self._draw.polygon(self._points(points), outline=ink, width=round(width * self._scale))

    def rectangle(self, box: Sequence[float], ink: Ink = WHITE, radius: float = 0) -> None:
        """Fill a rectangle (left, top, right, bottom), with round corners of some radius."""
        self._draw.rounded_rectangle(self._box(box), radius * self._scale, fill=ink)

    def frame(self, box: Sequence[float], width: float, ink: Ink) -> None:
        """Draw the edge of a rectangle (left, top, right, bottom)."""
        self._draw.rectangle(self._box(box), outline=ink, width=round(width * self._scale))

    def ellipse(self, box: Sequence[float], ink: Ink = WHITE) -> None:
        """Fill an ellipse in the box (left, top, right, bottom)."""
        self._draw.ellipse(self._box(box), fill=ink)

    def ring(self, box: Sequence[float], width: float, ink: Ink) -> None:
        """Draw the edge of an ellipse in the box (left, top, right, bottom)."""
        self._draw.ellipse(self._box(box), outline=ink, width=round(width * self._scale))

    def sector(self, box: Sequence[float], start: float, end: float, ink: Ink) -> None:
        """Fill the part of an ellipse between two angles in degrees, clockwise from the right."""
        self._draw.pieslice(self._box(box), start, end, fill=ink)

    def line(self, points: Iterable[Point], width: float, ink: Ink = WHITE) -> None:
        """Draw a line through points."""
        self._draw.line(self._points(points), fill=ink, width=round(width * self._scale), joint="curve")

    def text(self, left: float, top: float, text: str, size: float, ink: Ink, weight: float = 0) -> None:
        """Write in Pillow's own font, which needs no font of the system; `weight` pixels make it bolder."""
        font = ImageFont.load_default(size * self._scale)
        place = (left * self._scale, top * self._scale)
        self._draw.text(place, text, font=font, fill=ink, stroke_width=round(weight * self._scale))

    def fine(self) -> NDArray[np.float64]:
        """The sheet as it is: float64 (height * scale, width * scale), or (..., 3) in colour, 0..1."""
        return np.asarray(self._sheet, np.float64) / WHITE

    def reduced(self, resampling: Image.Resampling = Image.Resampling.BOX) -> NDArray[np.float64]:
        """The sheet in pixels of the picture: float64 (height, width), or (..., 3) in colour, 0..1."""
        return np.asarray(self._sheet.resize(self._size, resampling), np.float64) / WHITE

    def _points(self, points: Iterable[Point]) -> list[Point]:
        return [(float(x) * self._scale, float(y) * self._scale) for x, y in points]

    def _box(self, box: Sequence[float]) -> list[float]:
        return [float(side) * self._scale for side in box]
