import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csad.imaging.working_image import WORKING_PIXELS, working_image, working_size


@pytest.mark.parametrize("shape", [(320, 320, 3), (1024, 1024, 3), (512, 2048, 3), (1, 1, 3)])
def test_an_image_of_up_to_a_megapixel_stays_as_it_is(shape):
    image = np.zeros(shape, np.uint8)
    assert working_image(image) is image


def test_a_larger_image_is_reduced_and_keeps_its_proportions():
    assert working_size(4096, 4096) == (1024, 1024)
    assert working_size(2048, 8192) == (512, 2048)


def test_what_an_image_shows_stays_where_it_is():
    image = np.zeros((2048, 4096, 3), np.uint8)
    image[1024:, :2048] = 200
    reduced = working_image(image)
    height, width = reduced.shape[:2]
    assert (height, width) == working_size(2048, 4096)
    assert (reduced[height // 2 + 4 :, : width // 2 - 4] == 200).all()
    assert not reduced[: height // 2 - 4].any()


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_the_working_size_never_exceeds_a_megapixel_nor_the_image(height, width):
    rows, columns = working_size(height, width)
    assert 1 <= rows <= height
    assert 1 <= columns <= width
    assert rows * columns <= WORKING_PIXELS
    assert working_size(rows, columns) == (rows, columns)
