import numpy as np
import pytest
import torch

from csad.config.settings import HistogramSettings
from csad.scoring.branches.class_histograms import ClassHistograms

NO_COPIES = np.empty(0, dtype=np.int64)
SETTINGS = HistogramSettings(grids=(1,), square_root=False)


def test_out_of_fold_distances_come_from_gaussians_without_the_fold():
    generator = np.random.default_rng(0)
    histograms = generator.normal(0.5, 0.01, (40, 3))
    histograms[39] += 0.2
    found = ClassHistograms([histograms], [histograms[:0]], NO_COPIES, pixels=10_000)
    types, folds = np.zeros(40, dtype=np.int64), np.arange(40) % 5

    distances = found.out_of_fold_distances(types, folds, SETTINGS)

    others = found.fit(types, SETTINGS, folds != 4).gaussians[0]
    seen = found.fit(types, SETTINGS).gaussians[0]
    assert distances[39, 0] == pytest.approx(others.distance(torch.from_numpy(histograms[39:])).item())
    assert distances[39, 0] > 1.5 * seen.distance(torch.from_numpy(histograms[39:])).item()


def test_what_light_and_a_shift_change_is_expected_and_a_fold_does_not_see_copies_of_its_images():
    generator = np.random.default_rng(0)
    histograms = generator.normal(0.5, 0.01, (40, 2))
    # Another lamp adds to the first class; each image has a copy in which it did.
    lit = histograms + np.array([0.1, 0.0]) * generator.normal(0, 1, (40, 1))
    none = ClassHistograms([histograms], [histograms[:0]], NO_COPIES, pixels=10_000)
    found = ClassHistograms([histograms], [lit], np.arange(40), pixels=10_000)
    types, folds = np.zeros(40, dtype=np.int64), np.arange(40) % 5
    by_light, by_defect = torch.tensor([[0.6, 0.5]]).double(), torch.tensor([[0.5, 0.6]]).double()

    taught, before = (own.fit(types, SETTINGS).gaussians[0] for own in (found, none))

    assert taught.distance(by_light) < 0.5 * before.distance(by_light)
    assert taught.distance(by_defect) == pytest.approx(before.distance(by_defect), rel=0.05)
    rows = folds != 4
    expected = ClassHistograms([histograms[rows]], [lit[rows]], np.arange(32), 10_000).fit(types[rows], SETTINGS)
    held_out = torch.from_numpy(histograms[~rows])
    distances = found.out_of_fold_distances(types, folds, SETTINGS)[~rows, 0]
    assert distances == pytest.approx(expected.gaussians[0].distance(held_out).numpy())
