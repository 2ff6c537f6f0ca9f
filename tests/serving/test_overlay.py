"""The picture of an explanation."""

import io
import tracemalloc

import numpy as np
from PIL import Image

from csad.imaging.heat import HeatScale
from csad.serving.runtime import draw_overlay

SCALE = HeatScale(low=0.5, high=1.0)


def drawn(image, heat):
    return np.asarray(Image.open(io.BytesIO(draw_overlay(image, heat, SCALE)))).astype(int)


def test_a_large_image_is_drawn_small_with_its_heat_in_place():
    heat = np.zeros((1024, 2048), np.float32)
    heat[:512, :1024] = 1.0

    overlay = drawn(np.full((1024, 2048, 3), 100, np.uint8), heat)

    assert overlay.shape == (512, 1024, 3)
    # Full heat: 15 % of the grey image and 85 % of the darkest colour, (150, 0, 70).
    np.testing.assert_allclose(overlay[100, 200], [142.5, 15, 74.5], atol=1)
    assert overlay[100, 800].tolist() == overlay[400, 200].tolist() == [100, 100, 100]


def test_a_small_image_keeps_its_size():
    assert drawn(np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40), np.float32)).shape == (30, 40, 3)


def test_drawing_a_large_image_takes_few_bytes_per_pixel():
    height, width = 2048, 4096
    image, heat = np.zeros((height, width, 3), np.uint8), np.ones((height, width), np.float32)
    tracemalloc.start()
    try:
        draw_overlay(image, heat, SCALE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16 * height * width
