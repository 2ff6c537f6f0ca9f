"""What is printed on the label."""

from functools import cache

import numpy as np
from PIL import Image

from drawn_lines.drawing import Floats
from drawn_lines.pen import Pen

WIDTH, HEIGHT = 430, 270
LOGO_BOX = (18, 6, 66, 54)
SYMBOL_BOXES = ((218, 203, 272, 252), (288, 202, 340, 254), (356, 204, 406, 252))
"""Left, top, right, bottom of the warning, the seal and the arrow, in pixels of the label."""

SMALL_PRINT = (
    "20 Beutel zu je 1,5 g  Nettogewicht 30 g",
    "Zutaten: Kamillenblueten 98 %, Zitronengras",
    "Mit kochendem Wasser uebergiessen,",
    "7 Minuten ziehen lassen.",
)
INK, BLACK, GREEN = (30, 30, 30), (15, 15, 15), (20, 120, 60)
STAR = ((42, 10), (50, 26), (62, 32), (50, 38), (42, 50), (34, 38), (22, 32), (34, 26))


@cache
def printed(logo: str, missing: int | None) -> Floats:
    """Print a label.

    Args:
        logo: "leaf" or "star".
        missing: Index of the symbol that is left out; None where all are there.

    Returns:
        float64 (HEIGHT, WIDTH, 3), 0..1; the same array for the same label, not to be written to.
    """
    pen = Pen(WIDTH, HEIGHT, 2, (244, 242, 234))
    pen.rectangle((0, 0, WIDTH, 58), (24, 92, 120))
    pen.text(84, 12, "NORDLICHT", 30, (250, 250, 245), weight=1)
    pen.ellipse(LOGO_BOX, (245, 245, 240))
    if logo == "leaf":
        pen.sector((26, 14, 58, 62), 180, 320, (40, 140, 60))
        pen.line([(30, 48), (54, 18)], 2, (20, 90, 40))
    else:
        pen.polygon(STAR, (200, 60, 40))
    pen.text(20, 70, "Feiner Kamillentee", 22, (40, 40, 40), weight=0.5)
    for index, text in enumerate(SMALL_PRINT):
        pen.text(20, 104 + 18 * index, text, 12, (60, 60, 60))
    _barcode(pen)
    for index, symbol in enumerate((_warning, _seal, _arrow)):
        if index != missing:
            symbol(pen)
    return pen.reduced(Image.Resampling.LANCZOS)


def _barcode(pen: Pen) -> None:
    pen.rectangle((18, 188, 178, 258), (255, 255, 255))
    bars = np.random.default_rng(7)
    left = 24
    while left < 172:
        width = int(bars.integers(1, 4))
        pen.rectangle((left, 194, left + width - 1, 244), BLACK)
        left += width + int(bars.integers(1, 4))
    pen.text(40, 245, "4 006381 333931", 10, BLACK)


def _warning(pen: Pen) -> None:
    pen.outline([(220, 250), (245, 205), (270, 250)], 4, INK)
    pen.text(241, 220, "!", 24, INK, weight=0.5)


def _seal(pen: Pen) -> None:
    pen.ring((290, 204, 338, 252), 5, GREEN)
    pen.text(302, 217, "BIO", 14, GREEN, weight=0.5)


def _arrow(pen: Pen) -> None:
    pen.frame((358, 206, 404, 250), 3, INK)
    pen.polygon([(381, 212), (396, 228), (366, 228)], INK)
    pen.rectangle((375, 228, 387, 244), INK)
