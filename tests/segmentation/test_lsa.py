import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from csad.segmentation.lsa import (
    MINIMUM_DISPLACEMENT,
    Component,
    LabelledImage,
    _new_centre,
    components_of,
    paste_components,
)


def labelled():
    """A red square of class 2 at (10, 20) and two green ones of class 5, on black."""
    pixels, labels = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint8)
    for top, left, label, colour in ((10, 20, 2, (200, 0, 0)), (40, 10, 5, (0, 200, 0)), (40, 60, 5, (0, 200, 0))):
        pixels[top : top + 8, left : left + 8] = colour
        labels[top : top + 8, left : left + 8] = label
    return LabelledImage(pixels, labels)


def empty(height=60, width=80):
    return LabelledImage(np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8))


def test_each_connected_region_is_a_component_with_its_class_and_centre():
    components = components_of(labelled())

    assert [component.label for component in components] == [2, 5, 5]
    assert [component.centre for component in components] == [(14, 24), (44, 14), (44, 64)]
    assert all(component.mask.all() and component.mask.shape == (8, 8) for component in components)
    assert (components[0].pixels == (200, 0, 0)).all()


def test_specks_and_the_background_are_no_components():
    image = empty()
    image.labels[5, 5:8] = 1

    assert components_of(image) == []


def test_an_image_without_components_to_paste_stays_as_it_is():
    image = labelled()

    assert paste_components(image, [], np.random.default_rng(0)) is image


def test_pasting_changes_neither_the_image_nor_the_donor():
    image, donor = labelled(), labelled()
    paste_components(image, components_of(donor), np.random.default_rng(0))

    assert np.array_equal(image.pixels, labelled().pixels)
    assert np.array_equal(donor.labels, labelled().labels)


@given(seed=st.integers(0, 200))
def test_pasted_pixels_carry_the_label_of_their_component(seed):
    red = components_of(labelled())[:1]

    pasted = paste_components(empty(), red, np.random.default_rng(seed))

    covered = pasted.labels > 0
    assert covered.any()
    assert set(np.unique(pasted.labels)) == {0, 2}
    assert (pasted.pixels[~covered] == 0).all(), "nothing is painted outside its label"
    assert covered.sum() <= 2 * 12 * 12, "one or two turned squares of 8 px"


@given(seed=st.integers(0, 200), row=st.floats(0, 60), column=st.floats(0, 80))
def test_a_component_lands_at_least_a_tenth_of_the_image_away(seed, row, column):
    new_row, new_column = _new_centre((row, column), 60, 80, np.random.default_rng(seed))

    assert 0 <= new_row < 60
    assert 0 <= new_column < 80
    # Rounding to whole pixels may take away at most one pixel.
    assert np.hypot((new_row - row) / 60, (new_column - column) / 80) >= MINIMUM_DISPLACEMENT - np.hypot(1 / 60, 1 / 80)


@given(seed=st.integers(0, 50))
def test_a_component_larger_than_the_image_is_cut_off(seed):
    pixels = np.full((50, 70, 3), 9, np.uint8)
    huge = Component(pixels, np.ones((50, 70), bool), 1, (0.0, 0.0))

    pasted = paste_components(empty(20, 16), [huge], np.random.default_rng(seed))

    assert pasted.labels.shape == (20, 16)
    assert pasted.labels.any()


def test_the_same_seed_pastes_alike():
    components = components_of(labelled())

    one, same, other = (paste_components(empty(), components, np.random.default_rng(seed)) for seed in (3, 3, 4))

    assert np.array_equal(one.labels, same.labels)
    assert not np.array_equal(one.labels, other.labels)
