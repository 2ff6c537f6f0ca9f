"""The camera: no two pictures are taken from quite the same place in quite the same light."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

JPEG_QUALITY = (85, 94)


@dataclass(frozen=True)
class Photograph:
    """A picture as it is stored.

    Attributes:
        jpeg: Content of the file.
        mask: bool (H, W), the mask of the scene as the camera sees it.
    """

    jpeg: bytes
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Camera:
    """How far pictures of one scene differ.

    Attributes:
        jitter: Largest shift in pixels.
        degrees: Largest turn.
        noise: Standard deviation of the sensor's noise in bright places, of 1.
        gain: Standard deviation of the exposure, relative.
        gradient: How much brighter the lit edge is than the centre, relative.
        blur: Standard deviation of the lens's blur in pixels.
    """

    jitter: float = 3.0
    degrees: float = 0.6
    noise: float = 0.012
    gain: float = 0.04
    gradient: float = 0.07
    blur: float = 0.6

    def photograph(self, image: NDArray[np.float64], mask: NDArray[np.bool_], rng: Generator) -> Photograph:
        """Take a picture of a scene.

        Args:
            image: float64 (H, W, 3), 0 to about 1.
            mask: bool (H, W).
            rng: Draws pose, light and noise.
        """
        angle = np.deg2rad(rng.uniform(-self.degrees, self.degrees))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        centre = np.array(mask.shape) / 2
        offset = centre - turn @ centre + rng.uniform(-self.jitter, self.jitter, 2)
        channels = [
            ndimage.affine_transform(image[..., channel], turn, offset, order=1, mode="nearest") for channel in range(3)
        ]
        seen = ndimage.affine_transform(mask.astype(np.float32), turn, offset, order=1) > 0.5
        light = np.stack(channels, -1) * self._light(mask.shape, rng)[..., None]
        light *= rng.normal(1, self.gain) * (1 + rng.normal(0, 0.008, 3))
        light = ndimage.gaussian_filter(light, (self.blur, self.blur, 0))
        light += rng.normal(size=light.shape) * self.noise * np.sqrt(np.clip(light, 0.05, 1) + 0.1)
        pixels = (np.clip(light, 0, 1) * 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=int(rng.integers(*JPEG_QUALITY)), subsampling=1)
        return Photograph(stream.getvalue(), seen)

    def _light(self, shape: tuple[int, ...], rng: Generator) -> NDArray[np.float64]:
        """Light that comes from one side, float64 (H, W) around 1, and is weaker in the corners."""
        height, width = shape
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        direction = rng.normal(-2.2, 0.35)
        return 1 + self.gradient * (np.cos(direction) * x + np.sin(direction) * y) - 0.05 * (x**2 + y**2)
