import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csad.common.errors import StageError
from csad.pseudo_labels.rectangle import minimum_area_rectangle
from tests.pseudo_labels.drawings import bar, box


def test_the_rectangle_of_a_box_is_the_box():
    rectangle = minimum_area_rectangle(box(20, 30, top=4, left=10, rows=3, columns=8))
    assert (rectangle.long_side, rectangle.short_side) == pytest.approx((8, 3))
    assert rectangle.centre == pytest.approx((14, 5.5))
    assert rectangle.diagonal == pytest.approx(math.sqrt(73))


def test_one_pixel_is_a_square_of_side_1():
    rectangle = minimum_area_rectangle(box(5, 5, 2, 3, 1, 1))
    assert (rectangle.long_side, rectangle.short_side) == pytest.approx((1, 1))
    assert rectangle.centre == pytest.approx((3.5, 2.5))


@pytest.mark.parametrize(("rows", "columns"), [(1, 9), (9, 1)])
def test_a_straight_line_is_one_pixel_wide(rows, columns):
    rectangle = minimum_area_rectangle(box(12, 12, 1, 1, rows, columns))
    assert (rectangle.long_side, rectangle.short_side) == pytest.approx((9, 1))


def test_a_diagonal_line_lies_along_its_rectangle():
    # Eight pixels corner to corner: 8 root 2 long, and a pixel seen from its corner is root 2 wide.
    rectangle = minimum_area_rectangle(np.eye(8, dtype=bool))
    assert (rectangle.long_side, rectangle.short_side) == pytest.approx((8 * math.sqrt(2), math.sqrt(2)))
    assert rectangle.centre == pytest.approx((4, 4))


def test_a_mask_of_the_full_image_is_its_own_rectangle():
    rectangle = minimum_area_rectangle(np.ones((20, 30), dtype=bool))
    assert (rectangle.long_side, rectangle.short_side, *rectangle.centre) == pytest.approx((30, 20, 15, 10))


@given(st.floats(0, 180))
def test_a_bar_has_its_own_sides_at_any_angle(degrees):
    rectangle = minimum_area_rectangle(bar(120, 120, (61, 58), length=80, thickness=20, degrees=degrees))
    assert rectangle.long_side == pytest.approx(80, abs=2)
    assert rectangle.short_side == pytest.approx(20, abs=2)
    assert rectangle.centre == pytest.approx((61, 58), abs=0.8)


def test_separate_pieces_share_one_rectangle():
    rectangle = minimum_area_rectangle(box(10, 20, 2, 2, 1, 1) | box(10, 20, 2, 15, 1, 1))
    assert (rectangle.long_side, rectangle.short_side) == pytest.approx((14, 1))


def test_an_empty_mask_has_none():
    with pytest.raises(StageError, match="no pixel"):
        minimum_area_rectangle(np.zeros((4, 4), dtype=bool))
