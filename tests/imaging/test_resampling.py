import numpy as np
import pytest
import torch
from torch.nn import functional

from csad.imaging.resampling import bilinear, cell_means, nearest

VALUES = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)


def test_between_two_cells_values_change_evenly_and_beyond_the_outer_centres_not_at_all():
    # Places lie at -1/4, 1/4, 3/4 and 5/4 of the way from the first centre to the second.
    assert bilinear(np.array([[0.0, 1.0]]), (1, 4)).tolist() == [[0, 0.25, 0.75, 1]]


def test_enlarged_labels_repeat():
    assert nearest(np.array([[1, 2]]), (2, 4)).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


def test_cells_are_averaged_each_by_itself():
    assert cell_means(np.array([[1.0, 3.0, 5.0, 7.0]]), 1).tolist() == [[4.0]]
    assert cell_means(np.array([[1.0, 3.0], [5.0, 7.0]]), 2).tolist() == [[1, 3], [5, 7]]


@pytest.mark.parametrize("size", [(5, 7), (10, 14), (8, 20), (3, 4), (1, 1)])
def test_it_is_torchs_interpolation(size):
    values = torch.from_numpy(VALUES)[None]

    expected = functional.interpolate(values, size=size, mode="bilinear", align_corners=False)[0]
    labels = functional.interpolate(values, size=size, mode="nearest")[0]

    assert bilinear(VALUES, size) == pytest.approx(expected.numpy(), abs=1e-6)
    assert np.array_equal(nearest(VALUES, size), labels.numpy())


@pytest.mark.parametrize("grid", [1, 2, 3])
def test_it_is_torchs_adaptive_average(grid):
    expected = functional.adaptive_avg_pool2d(torch.from_numpy(VALUES), grid)

    assert cell_means(VALUES, grid) == pytest.approx(expected.numpy(), abs=1e-6)
