import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csad.config.settings import PseudoLabelSettings
from csad.pseudo_labels.label_filter import filter_label_maps, nearest_type

AUTO = PseudoLabelSettings()
CHERRY, BANANA = [0.3, 0.02, 0.0, 0.1], [0.3, 0.0, 0.02, 0.1]


def histograms(*groups, seed=0, noise=0.03):
    """Histograms around each (fractions, count), every fraction varying by a few percent."""
    generator = np.random.default_rng(seed)
    rows = [np.array(fractions) * np.exp(noise * generator.normal(size=(count, 4))) for fractions, count in groups]
    return np.concatenate(rows)


def test_two_types_that_differ_in_a_small_icon_are_told_apart():
    kept = filter_label_maps(histograms((CHERRY, 40), (BANANA, 25)), AUTO)
    assert kept.type_count == 2
    usual = kept.type_of_image[kept.kept]
    assert np.count_nonzero(kept.kept) >= 60
    assert set(kept.type_of_image[:40].tolist()) <= {0, -1}  # the more frequent type is the first
    assert set(kept.type_of_image[40:].tolist()) <= {1, -1}
    assert set(usual.tolist()) == {0, 1}
    assert kept.centres[0] ** 2 == pytest.approx(CHERRY, abs=0.01)


def test_an_image_with_a_wrong_map_is_left_out_of_two_types():
    kept = filter_label_maps(histograms((CHERRY, 40), (BANANA, 25), ([0.0, 0.0, 0.3, 0.4], 1)), AUTO)
    assert not kept.kept[65]
    assert kept.type_of_image[65] == -1
    assert kept.type_count == 2


def test_an_image_with_a_wrong_map_is_left_out_of_one_type():
    kept = filter_label_maps(histograms((CHERRY, 60), ([0.1, 0.3, 0.2, 0.0], 2)), AUTO)
    assert kept.type_count == 1
    assert not kept.kept[60:].any()
    assert np.count_nonzero(kept.kept[:60]) >= 54


def test_at_most_a_tenth_of_a_single_type_is_left_out():
    generator = np.random.default_rng(1)
    heavy = np.abs(0.2 + 0.02 * generator.standard_t(1.5, size=(100, 4)))
    assert np.count_nonzero(filter_label_maps(heavy, AUTO).kept) >= 90


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", ["normal", "uniform", "exponential"])
def test_one_class_whose_share_varies_makes_no_types(shape, seed):
    generator = np.random.default_rng(seed)
    draw = {"normal": generator.normal, "uniform": generator.uniform, "exponential": generator.exponential}[shape]
    fractions = 0.2 + 0.02 * np.array([draw() for _ in range(120)])
    assert filter_label_maps(fractions[:, None], AUTO).type_count == 1


def test_types_of_few_and_of_many_images_stay_apart():
    kept = filter_label_maps(histograms((CHERRY, 200), (BANANA, 30), ([0.3, 0.01, 0.01, 0.1], 30)), AUTO)
    assert kept.type_count == 3


def test_a_pair_is_no_type():
    kept = filter_label_maps(histograms((CHERRY, 58), (BANANA, 2)), AUTO)
    assert kept.type_count == 1
    assert not kept.kept[58:].any()


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_images_are_all_kept_as_one_type(count, caplog):
    caplog.set_level(logging.INFO, logger="csad")
    kept = filter_label_maps(histograms((CHERRY, count)), AUTO)
    assert kept.kept.tolist() == [True] * count
    assert kept.type_of_image.tolist() == [0] * count
    assert f"{count} images are too few to tell types apart" in caplog.text


def test_identical_histograms_are_all_kept_as_one_type():
    kept = filter_label_maps(np.tile(CHERRY, (40, 1)), AUTO)
    assert kept.kept.all()
    assert kept.type_count == 1
    assert "the class histograms of all 40 images are the same" in kept.reason


def test_images_without_any_class_are_all_kept():
    kept = filter_label_maps(np.zeros((30, 0)), AUTO)
    assert kept.kept.all()


def test_the_line_may_state_how_many_types_it_makes():
    rows = histograms((CHERRY, 20), (BANANA, 20), ([0.1, 0.1, 0.1, 0.1], 20))
    assert filter_label_maps(rows, PseudoLabelSettings(types=1)).type_count == 1
    three = filter_label_maps(rows, PseudoLabelSettings(types=3))
    assert three.type_count == 3
    assert [len(set(three.type_of_image[i : i + 20].tolist()) - {-1}) for i in (0, 20, 40)] == [1, 1, 1]


def test_more_types_than_images_are_harmless():
    assert filter_label_maps(histograms((CHERRY, 12)), PseudoLabelSettings(types=50)).kept.shape == (12,)


def test_without_the_filter_every_image_is_kept_with_its_nearest_type():
    rows = histograms((CHERRY, 40), (BANANA, 25), ([0.0, 0.0, 0.3, 0.4], 1))
    kept = filter_label_maps(rows, PseudoLabelSettings(label_filter=False))
    assert kept.kept.all()
    assert (kept.type_of_image >= 0).all()
    assert kept.type_of_image[65] == 1  # no cherry, much banana


def test_a_new_image_takes_the_nearest_type():
    kept = filter_label_maps(histograms((CHERRY, 40), (BANANA, 25)), AUTO)
    assert nearest_type(np.array([CHERRY, BANANA, [0.3, 0.0, 0.01, 0.2]]), kept.centres).tolist() == [0, 1, 1]


@settings(max_examples=15)
@given(st.permutations(range(40)))
def test_permuting_the_images_permutes_their_types(order):
    rows = histograms((CHERRY, 25), (BANANA, 14), ([0.0, 0.0, 0.3, 0.4], 1))
    kept, permuted = filter_label_maps(rows, AUTO), filter_label_maps(rows[list(order)], AUTO)
    assert np.array_equal(permuted.kept, kept.kept[list(order)])
    assert np.array_equal(permuted.type_of_image, kept.type_of_image[list(order)])
