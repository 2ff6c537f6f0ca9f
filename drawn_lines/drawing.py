"""What every line draws: a picture, and where it breaks the rules."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from drawn_lines.camera import Camera

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Drawing:
    """A scene before it is photographed.

    Attributes:
        image: float64 (H, W, 3), RGB from 0 to about 1; a glare is brighter than 1.
        mask: bool (H, W), what is wrong, and where that moves or hides a part, its right place, too; empty if good.
    """

    image: Floats
    mask: Mask


@dataclass(frozen=True)
class DrawnLine:
    """A product line that can be drawn.

    Attributes:
        logical: Kinds of defects that break a rule about parts, each as good as it should be.
        structural: Kinds of defects that damage a part or dirty it.
        camera: Takes its pictures.
        draw: Draws a scene from `rng`, which draws all that a good picture has, `odd`, which draws what the defect
            adds, and the kind of the defect, None for a good picture. With equal generators, pictures of all kinds
            differ by the defect alone.
    """

    logical: tuple[str, ...]
    structural: tuple[str, ...]
    camera: Camera
    draw: Callable[[Generator, Generator, str | None], Drawing]
