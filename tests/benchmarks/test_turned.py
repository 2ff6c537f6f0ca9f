import numpy as np
import pytest
from PIL import Image

from benchmarks.turned import turn


def test_a_quarter_turn_moves_what_is_right_of_the_middle_above_it():
    image = np.full((40, 60, 3), 200, np.uint8)
    image[18:22, 48:52] = (255, 0, 0)

    turned = turn(image, 90, Image.Resampling.NEAREST)

    # The diagonal of 40 x 60 is 72.1; the mark lies 20 px right of the middle.
    assert turned.shape == (74, 74, 3)
    rows, columns = np.nonzero(turned[..., 1] == 0)
    assert (rows.mean(), columns.mean()) == pytest.approx((37 - 20, 37), abs=1)


@pytest.mark.parametrize("degrees", [0.0, 33.0, 225.0])
def test_what_lies_beyond_the_image_repeats_its_edge(degrees):
    assert (turn(np.full((30, 50), 7, np.uint8), degrees, Image.Resampling.NEAREST) == 7).all()
