import numpy as np
import pytest

from csad.imaging.border import border_statistics, fit_border
from csad.imaging.working_image import working_image


def framed(border, inside=0, side=100):
    image = np.full((side, side, 3), border, np.uint8)
    image[20:-20, 20:-20] = inside
    return image


def test_only_the_border_counts():
    assert border_statistics(framed(200, 0)) == pytest.approx(border_statistics(framed(200, 255)))


def test_an_even_white_border_has_the_lightness_of_white_and_no_spread():
    assert border_statistics(framed(255)) == pytest.approx([100, 0, 0, 0, 0, 0], abs=0.02)


def test_another_border_is_far_and_a_normal_one_is_near():
    model = fit_border([framed(value) for value in (198, 200, 202)])

    assert model.distance(framed(200, 77)) < 1
    assert model.distance(framed(120)) > 10


def test_identical_images_give_numbers():
    model = fit_border([framed(200)] * 2)

    assert model.distance(framed(200)) == pytest.approx(0, abs=1e-6)
    assert np.isfinite(model.distance(framed(0)))


def test_a_large_image_is_compared_at_the_size_at_which_large_images_were_learned():
    generator = np.random.default_rng(0)
    large, other = (generator.normal(200, 20, (2048, 2048, 3)).clip(0, 255).astype(np.uint8) for _ in range(2))
    # As the training images are sampled: reducing averages most of the noise away.
    model = fit_border([working_image(large)])

    assert model.distance(other) < 1


def test_a_single_pixel_does_not_fail():
    assert np.isfinite(fit_border([framed(10)]).distance(np.zeros((1, 1, 3), np.uint8)))
