import numpy as np
import pytest

from csad.imaging.lighting import fit_light


def lit(height, width, down, across):
    """An even surface under light that falls off: LAB, (height, width, 3)."""
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    colours = np.full((height, width, 3), (70.0, 2.0, -4.0))
    colours[..., 0] += down * rows + across * columns
    return colours


def test_the_light_on_a_bare_surface_is_the_surface():
    surface = lit(30, 40, 8.0, -12.0)

    np.testing.assert_allclose(fit_light(surface, np.ones((30, 40), bool)), surface, atol=1e-6)


def test_what_lies_on_the_surface_does_not_bend_the_light():
    surface = lit(60, 80, 5.0, 9.0)
    seen = surface.copy()
    seen[:25, :30] = (20.0, 60.0, 40.0)

    np.testing.assert_allclose(fit_light(seen, np.ones((60, 80), bool)), surface, atol=1e-6)


def test_pixels_that_are_no_surface_are_not_looked_at():
    surface = lit(20, 20, 3.0, 3.0)
    seen, border = np.zeros_like(surface), np.ones((20, 20), bool)
    border[2:-2, 2:-2] = False
    seen[border] = surface[border]

    np.testing.assert_allclose(fit_light(seen, border), surface, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_a_line_or_a_pixel_is_its_own_light(shape):
    colours = lit(*shape, 4.0, 4.0)

    np.testing.assert_allclose(fit_light(colours, np.ones(shape, bool)), colours, atol=1e-6)
