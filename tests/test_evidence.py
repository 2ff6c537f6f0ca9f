import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csad.evidence import PATCH_SIDES, foreign_patch, moved_components, separation
from csad.fusion import Scale
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


def test_a_branch_counts_for_the_kind_that_it_tells_best():
    normal = {"components@1": np.arange(4.0), "local@top": np.arange(4.0)}
    structural = {"components@1": np.arange(4.0), "local@top": np.arange(4.0) + 10}
    logical = {"components@1": np.arange(4.0) + 2, "local@top": np.arange(4.0)}

    found = separation(normal, [structural, logical], dict.fromkeys(normal, UNIT), ["components", "local"])

    # {2, 3, 4, 5} above {0, 1, 2, 3}: 13 of 16 pairs and 2 ties.
    assert found["components"] == pytest.approx(14 / 16)
    assert found["local"] == 1


def test_a_branch_that_sees_no_difference_guesses():
    normal = {"words@1": np.ones(3), "words@2": np.arange(3.0)}

    found = separation(normal, [normal], dict.fromkeys(normal, UNIT), ["words"])

    assert found == {"words": 0.5}
