import io
import tracemalloc

import numpy as np
from PIL import Image

from csad.imaging.heat import HeatScale, draw_heat, draw_outline, encode_jpeg, shrink

GREY = np.full((6, 8, 3), 100, dtype=np.uint8)


def test_nothing_is_drawn_up_to_what_good_images_show():
    drawn = draw_heat(GREY, np.full((6, 8), 2.0, np.float32), HeatScale(low=2.0, high=4.0))
    assert np.array_equal(drawn, GREY)


def test_full_heat_is_dark_red_whatever_lies_beyond():
    heat = np.full((6, 8), 4.0, np.float32)
    drawn = draw_heat(GREY, heat, HeatScale(low=2.0, high=4.0))
    # 15 % of the image and 85 % of (150, 0, 70).
    assert np.allclose(drawn[0, 0], [142.5, 15, 74.5], atol=0.6)
    assert np.array_equal(draw_heat(GREY, 10 * heat, HeatScale(low=2.0, high=4.0)), drawn)


def test_a_picture_drawn_in_strips_is_the_same(monkeypatch):
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (31, 20, 3), dtype=np.uint8)
    heat = generator.random((31, 20)).astype(np.float32)
    scale = HeatScale(0.2, 0.7)
    whole = draw_heat(image, heat, scale)
    for pixels in (1, 20, 60, 65):
        monkeypatch.setattr("csad.imaging.strips.STRIP_PIXELS", pixels)
        assert np.array_equal(draw_heat(image, heat, scale), whole)


def test_a_large_picture_needs_little_more_than_itself():
    image, heat = np.zeros((3000, 2000, 3), np.uint8), np.ones((3000, 2000), np.float32)
    tracemalloc.start()
    drawn = draw_heat(image, heat, HeatScale(0.0, 1.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < drawn.nbytes + 50e6


def test_the_scale_of_a_model_goes_from_half_to_twice_the_tail_of_normal_images():
    assert HeatScale.of_model(0.25) == HeatScale(low=0.125, high=0.5)


def test_the_outline_runs_along_the_border_of_the_mask_only():
    mask = np.zeros((20, 20), dtype=bool)
    mask[5:15, 5:15] = True
    image = np.zeros((20, 20, 3), dtype=np.uint8)
    drawn = draw_outline(image, [mask]).any(axis=2)
    assert drawn[5, 5:15].all()
    assert not drawn[7:13, 7:13].any()
    assert not drawn[:3].any()
    assert not image.any()


def test_a_single_pixel_of_a_mask_survives_shrinking():
    mask = np.zeros((3600, 1800), dtype=bool)
    mask[1234, 567] = True
    small = shrink(mask)
    assert small.shape == (360, 180)
    assert small.any()


def test_small_pictures_stay_as_they_are():
    assert shrink(GREY) is GREY


def test_jpegs_keep_the_picture():
    decoded = np.asarray(Image.open(io.BytesIO(encode_jpeg(GREY))))
    assert np.abs(decoded.astype(int) - 100).max() <= 2
