import numpy as np
import pytest

from csad.imaging.foreground import border_distance, foreground_mask
from csad.imaging.part_mask import mask_parts

GREY = (200, 200, 200)


def grey(height, width):
    return np.full((height, width, 3), GREY, np.uint8)


def lit(image, across):
    """The same under a lamp at one side: brightness changes by that fraction from the middle to either side."""
    light = 1 + across * np.linspace(-1, 1, image.shape[1])[None, :, None]
    return (image * light).clip(0, 255).astype(np.uint8)


def overlap(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


def test_a_coloured_square_is_found_where_it_lies():
    image = grey(100, 120)
    image[30:60, 40:80] = (180, 30, 30)

    mask = foreground_mask(image)

    truth = np.zeros((100, 120), bool)
    truth[30:60, 40:80] = True
    assert overlap(mask, truth) > 0.95


def test_the_inside_of_a_ring_is_filled():
    image = grey(100, 100)
    image[20:80, 20:80] = (20, 20, 120)
    image[40:60, 40:60] = GREY

    assert foreground_mask(image)[50, 50]


def test_large_images_are_looked_at_in_small():
    image = grey(512, 1024)
    image[128:384, 256:512] = (20, 120, 20)

    mask = foreground_mask(image)

    assert mask.shape == (128, 256)
    assert abs(mask.mean() - 1 / 8) < 0.01


def test_an_empty_scene_has_no_foreground():
    assert not foreground_mask(grey(64, 64)).any()


def test_faint_noise_is_no_foreground():
    noise = np.random.default_rng(0).integers(-2, 3, (64, 64, 3))

    assert not foreground_mask((grey(64, 64) + noise).astype(np.uint8)).any()


def test_an_uneven_border_tells_nothing():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)

    assert foreground_mask(noise) is None
    assert border_distance(noise) is None


def test_a_single_pixel_does_not_fail():
    assert not foreground_mask(grey(1, 1)).any()


@pytest.mark.parametrize("across", [-0.2, 0.1, 0.2])
def test_parts_are_found_wherever_the_lamp_stands(across):
    image = np.full((120, 160, 3), (150, 152, 148), np.uint8)
    truth = np.zeros((120, 160), bool)
    for left in (20, 70, 120):
        image[50:75, left : left + 25] = (190, 190, 184)
        truth[50:75, left : left + 25] = True

    seen = lit(image, across)

    assert overlap(foreground_mask(seen), truth) > 0.9
    assert overlap(mask_parts(border_distance(seen)), truth) > 0.9
