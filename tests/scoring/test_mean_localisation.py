import numpy as np
import pytest
import torch

from csad.config.settings import HistogramSettings
from csad.lgst.maps import MapNormaliser
from csad.scoring.histogram import counted_map, grid_histograms
from csad.scoring.mean_localisation import histogram_map, lgst_map, mean_map, nearest_normal

HARD = HistogramSettings(grids=(1,), soft=False, square_root=False, resolution="network")


def labels(*rows):
    return np.array(rows)


def test_an_extra_class_gets_the_difference_where_it_was_predicted():
    # Class 1 covers 2 of 4 cells instead of 1: a difference of a quarter, at both of its cells.
    heat = histogram_map(labels([1, 1], [0, 0]), labels([1, 0], [0, 0]), classes=2, grids=(1,))
    assert np.allclose(heat, np.array([[0.25, 0.25], [0.0, 0.0]]))


def test_a_missing_class_gets_it_where_the_normal_image_has_it():
    heat = histogram_map(labels([0, 0], [0, 0]), labels([0, 0], [0, 2]), classes=3, grids=(1,))
    assert np.allclose(heat, np.array([[0.0, 0.0], [0.0, 0.25]]))


def test_patch_sizes_sum():
    # Moved from the left to the right half of 2 x 2: the whole image holds as much, two quarters differ by 1 each.
    heat = histogram_map(labels([0, 1], [0, 0]), labels([1, 0], [0, 0]), classes=2, grids=(1, 2))
    assert np.allclose(heat, np.array([[1.0, 1.0], [0.0, 0.0]]))


def test_the_background_is_no_component():
    assert histogram_map(labels([0, 0], [0, 0]), labels([1, 1], [1, 1]), 2, (1,)).tolist() == [[1, 1], [1, 1]]
    assert histogram_map(labels([0, 0]), labels([0, 0]), 2, (1,)).sum() == 0


def test_the_nearest_normal_image_is_the_one_of_the_nearest_histogram():
    normal = np.stack([labels([1, 1], [1, 1]), labels([1, 0], [0, 0])]).astype(np.uint8)
    assert nearest_normal(labels([0, 0], [1, 0]), normal, 2).tolist() == [[1, 0], [0, 0]]


def test_both_maps_are_averaged_and_one_alone_stands_for_itself():
    students, other = np.array([[0.4, -0.2], [0.0, 0.0]]), np.array([[0.25, 0.25], [0.0, 0.0]])

    both = mean_map(students, [other], (2, 2))

    assert np.allclose(both, np.array([[(0.4 + 0.25) / 2, (-0.2 + 0.25) / 2], [0.0, 0.0]]))
    assert np.allclose(mean_map(students, [], (2, 2)), students)
    assert np.allclose(mean_map(None, [other], (2, 2)), other)


def test_the_students_maps_are_averaged_at_the_finest_grid_each_on_its_scale():
    maps = {"local": np.array([[1.0, 3.0]]), "global": np.array([[5.0]])}
    scales = {"local": MapNormaliser(1.0, 2.0), "global": MapNormaliser(5.0, 6.0)}

    # local: 0 and 0.2; global: 0 everywhere.
    assert lgst_map(maps, scales).tolist() == [[pytest.approx(0), pytest.approx(0.1)]]


def test_a_map_that_is_on_the_scale_is_left_as_it_is():
    maps, scales = {"students": np.array([[0.3, -0.1]])}, {"students": MapNormaliser(5.0, 6.0)}

    assert lgst_map(maps, scales, on_scale={"students"}) == pytest.approx(maps["students"])


def test_without_any_map_nothing_is_unusual():
    assert lgst_map({}, {}) is None
    assert mean_map(None, [], (2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_hard_fractions_at_the_input_count_every_pixel():
    # Two cells in a row, enlarged four times: class 1 falls from .9 to .2, the background rises from .1 to .8.
    probabilities = torch.tensor([[[[0.1, 0.8]], [[0.9, 0.2]]]])
    settings = HistogramSettings(grids=(1,), soft=False, square_root=False, resolution="input")
    counted = counted_map(probabilities, settings)
    assert counted.shape == (1, 2, 4, 8)
    # Columns lie at -3/8, -1/8, 1/8 .. of the way from cell to cell, clamped: 0 0 1/8 3/8 5/8 7/8 1 1; class 1 has
    # .9 - .7 t, above one half for t < 4/7, which are the first four columns.
    assert grid_histograms(probabilities, settings)[0].item() == pytest.approx(4 / 8)
