import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csad.calibration.synthetic_anomalies import (
    PATCH_SIDES,
    REGION_SIDES,
    SPOT_DIAMETERS,
    coloured_spot,
    exchanged_region,
    foreign_patch,
    moved_components,
    synthetic_anomalies,
    synthetic_auroc,
)
from csad.scoring.fusion import Scale
from csad.segmentation.lsa import Component

UNIT = Scale(mean=0, deviation=1)
BLACK, WHITE = np.zeros((50, 100, 3), np.uint8), np.full((50, 100, 3), 255, np.uint8)


@given(seed=st.integers(0, 100))
def test_a_foreign_patch_is_a_square_of_the_other_image(seed):
    spoilt = foreign_patch(BLACK, WHITE, np.random.default_rng(seed))

    rows, columns = np.nonzero(spoilt[..., 0])
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert height == width
    assert max(4, PATCH_SIDES[0] * 50 - 1) <= height <= PATCH_SIDES[1] * 50 + 1
    assert len(rows) == height * width
    assert not BLACK.any(), "the image itself does not change"


def test_a_moved_component_is_painted_onto_the_canvas():
    square = Component(np.full((9, 9, 3), 200, np.uint8), np.ones((9, 9), bool), 1, (4.0, 4.0))

    spoilt = moved_components(BLACK, [square], np.random.default_rng(0))

    assert spoilt.any()
    assert not BLACK.any()
    assert np.array_equal(moved_components(WHITE, [], np.random.default_rng(0)), WHITE)


@given(seed=st.integers(0, 100))
def test_a_blemish_is_one_small_spot(seed):
    spoilt = coloured_spot(np.full((50, 100, 3), 128, np.uint8), np.random.default_rng(seed))

    rows, columns = np.nonzero((spoilt != 128).any(axis=2))
    # The soft edge adds two or three pixels on each side.
    assert 1 <= np.ptp(rows) + 1 <= SPOT_DIAMETERS[1] * 50 + 7
    assert 1 <= np.ptp(columns) + 1 <= SPOT_DIAMETERS[1] * 50 + 7


@given(seed=st.integers(0, 100))
def test_an_exchanged_region_is_a_rectangle_of_the_other_image_at_the_same_place(seed):
    other = np.random.default_rng(1).integers(1, 256, (50, 100, 3)).astype(np.uint8)

    spoilt = exchanged_region(BLACK, other, np.random.default_rng(seed))

    rows, columns = np.nonzero(spoilt[..., 0])
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    assert np.array_equal(spoilt[top:bottom, left:right], other[top:bottom, left:right])
    assert spoilt.astype(bool).all(axis=2).sum() == (bottom - top) * (right - left)
    for length, side in ((bottom - top, 50), (right - left, 100)):
        assert REGION_SIDES[0] * side - 1 <= length <= REGION_SIDES[1] * side + 1
    assert not BLACK.any(), "the image itself does not change"


def test_every_kind_spoils_every_canvas():
    donors = [[Component(np.full((9, 9, 3), 200, np.uint8), np.ones((9, 9), bool), 1, (4.0, 4.0))]]

    made = synthetic_anomalies([BLACK, WHITE], [WHITE, BLACK], donors, np.random.default_rng(0))
    without = synthetic_anomalies([BLACK, WHITE], [WHITE, BLACK], [], np.random.default_rng(0))

    assert set(made) - set(without) == {"moved components"}
    for canvases in made.values():
        assert [np.array_equal(*pair) for pair in zip(canvases, [BLACK, WHITE], strict=True)] == [False, False]


def test_a_branch_counts_for_the_kind_that_it_tells_best():
    normal = {"components@1": np.arange(4.0), "local@top1%": np.arange(4.0)}
    structural = {"components@1": np.arange(4.0), "local@top1%": np.arange(4.0) + 10}
    logical = {"components@1": np.arange(4.0) + 2, "local@top1%": np.arange(4.0)}

    found = synthetic_auroc(normal, [structural, logical], dict.fromkeys(normal, UNIT), ["components", "local"])

    # {2, 3, 4, 5} above {0, 1, 2, 3}: 13 of 16 pairs and 2 ties.
    assert found["components"] == pytest.approx(14 / 16)
    assert found["local"] == 1


def test_a_branch_that_sees_no_difference_guesses():
    normal = {"words@1": np.ones(3), "words@2": np.arange(3.0)}

    found = synthetic_auroc(normal, [normal], dict.fromkeys(normal, UNIT), ["words"])

    assert found == {"words": 0.5}
