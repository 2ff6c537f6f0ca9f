"""The little of SVG that the report's plots need. Colours and type come from the page's style sheet by class."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

TICK_DISTANCE = 46


@dataclass(frozen=True)
class Axis:
    """From data to pixels.

    Attributes:
        stretch: Monotone function of the data.
        low: Smallest value shown.
        high: Largest value shown.
        start: Pixel of the smallest.
        end: Pixel of the largest.
    """

    stretch: Callable[[float], float]
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Pixel of a value; values outside are drawn at the border."""
        first, last = self.stretch(self.low), self.stretch(self.high)
        position = (self.stretch(min(max(value, self.low), self.high)) - first) / ((last - first) or 1.0)
        return self.start + position * (self.end - self.start)

    def ticks(self, candidates: Iterable[float]) -> list[float]:
        """The candidates that lie inside and far enough apart, in their order of preference."""
        kept: list[float] = []
        for value in candidates:
            clear = all(abs(self(value) - self(other)) >= TICK_DISTANCE for other in kept)
            if self.low <= value <= self.high and clear:
                kept.append(value)
        return sorted(kept)


def svg(width: int, height: int, label: str, parts: Iterable[str]) -> Markup:
    """Wrap elements; the picture scales with the page."""
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label, quote=True)}" '
        f'style="max-width:{width}px">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, content: str, css: str = "", anchor: str = "start") -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def rectangle(x: float, y: float, width: float, height: float, css: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{css}"/>'


def dot(x: float, y: float, radius: float, css: str) -> str:
    """A filled circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" class="{css}"/>'


def path(points: Sequence[tuple[float, float]], css: str) -> str:
    """Straight lines through points."""
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{steps}" class="{css}"/>'
