"""Time and memory against the number of images, both on logarithmic axes, as a picture for the documentation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from csad.evaluation.svg import Axis, dot, line, path, rectangle, svg, text

WIDTH, HEIGHT = 640, 280
TOP, BOTTOM = 34, 232
PANELS = ((62, 296), (378, 612))
STYLE = (
    "<style>text{font:13px system-ui,Segoe UI,Roboto,sans-serif;fill:#1c2530}.page{fill:#fff}.axis{stroke:#66717f}"
    ".rule{stroke:#d7dde4}.run{fill:#2f6db3}.line{fill:none;stroke:#2f6db3;stroke-width:1.6}"
    ".open{fill:#fff;stroke:#2f6db3;stroke-width:1.6}</style>"
)
DECADES = tuple(10.0**power for power in range(8))


@dataclass(frozen=True)
class Point:
    """One size.

    Attributes:
        images: Number of images.
        seconds: Processor time of all tasks.
        megabytes: Largest resident memory of a task that scores.
        run: It was run at this size; else it is drawn hollow.
    """

    images: int
    seconds: float
    megabytes: float
    run: bool


def draw_plot(points: Sequence[Point]) -> str:
    """Draw two panels: time, which is to be a straight line, and memory, which is to be a level one."""
    panels = (
        ("processor time, s", [point.seconds for point in points]),
        ("memory of a scoring task, MB", [point.megabytes for point in points]),
    )
    parts = [STYLE, rectangle(0, 0, WIDTH, HEIGHT, "page")]
    for (left, right), (title, values) in zip(PANELS, panels, strict=True):
        across = Axis(math.log10, points[0].images, points[-1].images, left, right)
        low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values) * 1.001))
        up = Axis(math.log10, low, high, BOTTOM, TOP)
        parts.append(text(left, TOP - 14, title))
        for value in (one for one in DECADES if low <= one <= high):
            parts.append(line(left, up(value), right, up(value), "rule"))
            parts.append(text(left - 6, up(value) + 4, f"{value:,.0f}", anchor="end"))
        for point in points:
            parts.append(text(across(point.images), BOTTOM + 18, f"{point.images:,}", anchor="middle"))
        parts.append(line(left, BOTTOM, right, BOTTOM, "axis"))
        places = [(across(point.images), up(value)) for point, value in zip(points, values, strict=True)]
        parts.append(path(places, "line"))
        parts += [dot(x, y, 4.5, "run" if point.run else "open") for (x, y), point in zip(places, points, strict=True)]
        parts.append(text((left + right) / 2, BOTTOM + 36, "images", anchor="middle"))
    picture = svg(WIDTH, HEIGHT, "Processor time and memory of batch scoring against the number of images", parts)
    return str(picture).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"
