import numpy as np
import pytest

from csad.imaging.background import fit_median_background
from csad.imaging.part_mask import mask_parts

TRAY = (90, 110, 130)
RED = (200, 30, 30)


def tray(height=100, width=120):
    """A tray with a bright and a dark half: no even background."""
    image = np.full((height, width, 3), TRAY, np.uint8)
    image[:, width // 2 :] = (190, 190, 185)
    return image


def with_part(left, top=40, side=20):
    image = tray()
    image[top : top + side, left : left + side] = RED
    return image


@pytest.fixture(scope="module")
def background():
    return fit_median_background([with_part(left) for left in (4, 28, 70, 92)])


def test_a_part_that_lies_elsewhere_in_every_image_is_found(background):
    mask = mask_parts(background.distance(with_part(28)))

    truth = np.zeros((100, 120), bool)
    truth[40:60, 28:48] = True
    assert mask.shape == truth.shape
    assert mask[truth].all()
    assert mask.sum() <= 22 * 22, "at most a pixel more on each side"


def test_the_empty_tray_holds_no_part(background):
    assert not mask_parts(background.distance(tray())).any()


def test_a_slightly_shifted_tray_holds_no_part(background):
    assert not mask_parts(background.distance(np.roll(tray(), 1, axis=1)[:, 2:])).any()


def test_a_brighter_exposure_of_the_tray_holds_no_part(background):
    assert not mask_parts(background.distance((tray().astype(int) + 12).astype(np.uint8))).any()


def test_a_faint_shadow_is_no_part(background):
    image = tray()
    image[20:50, 10:40] = (80, 99, 117)

    assert not mask_parts(background.distance(image)).any()


def test_a_halo_around_a_part_is_left_out(background):
    image = tray()
    image[38:62, 26:50] = (0.7 * np.array(TRAY) + 0.3 * np.array(RED)).astype(np.uint8)
    image[40:60, 28:48] = RED

    assert mask_parts(background.distance(image)).sum() <= 22 * 22


def test_images_of_several_sizes_are_brought_to_one():
    images = [np.full((size, size, 3), TRAY, np.uint8) for size in (50, 60, 60)]

    background = fit_median_background(images)

    assert background.lowest.shape == (60, 60, 3)
    assert mask_parts(background.distance(images[0])).shape == (60, 60)
