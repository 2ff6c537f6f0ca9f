import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from csad.config.settings import HistogramSettings
from csad.scoring.histogram import (
    FactoredGaussians,
    GaussianPerType,
    PatchHistogram,
    class_fractions,
    fit_gaussians,
    fit_patch_histogram,
    grid_histograms,
    noise_variance,
    one_hot_argmax,
)

PLAIN = HistogramSettings(square_root=False)


def one_hot(label_maps, classes):
    """Label maps (B, h, w) as class probabilities."""
    return torch.nn.functional.one_hot(torch.as_tensor(label_maps), classes + 1).movedim(-1, 1).float()


def rectangles(*boxes, side=8):
    """A label map whose i-th box (top, left, height, width) is class i + 1."""
    labels = torch.zeros(1, side, side, dtype=torch.long)
    for label, (top, left, height, width) in enumerate(boxes, start=1):
        labels[0, top : top + height, left : left + width] = label
    return labels


def test_a_fraction_is_a_class_area_over_the_image():
    # 2 x 4 and 1 x 2 of 64 pixels.
    fractions = class_fractions(one_hot(rectangles((0, 0, 2, 4), (4, 4, 1, 2)), 2), grid=1)

    assert fractions.tolist() == [[8 / 64, 2 / 64]]


def test_cells_are_counted_on_their_own_class_by_class():
    fractions = class_fractions(one_hot(rectangles((0, 2, 2, 4)), 2), grid=2)

    # Class 1: two columns of its two rows in either upper quarter of 16 pixels; class 2 nowhere.
    assert fractions.tolist() == [[4 / 16, 4 / 16, 0, 0, 0, 0, 0, 0]]


@given(
    box=st.tuples(st.integers(0, 7), st.integers(0, 7)).flatmap(
        lambda corner: st.tuples(
            st.just(corner[0]), st.just(corner[1]), st.integers(1, 8 - corner[0]), st.integers(1, 8 - corner[1])
        )
    )
)
def test_adding_a_component_moves_its_entry_by_its_area_and_no_other(box):
    before = class_fractions(one_hot(torch.zeros(1, 8, 8, dtype=torch.long), 3), 1)
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    labels[0, box[0] : box[0] + box[2], box[1] : box[1] + box[3]] = 2

    moved = class_fractions(one_hot(labels, 3), 1) - before

    torch.testing.assert_close(moved, torch.tensor([[0, box[2] * box[3] / 64, 0]]))


def test_hard_histograms_count_the_likeliest_class_and_soft_ones_sum():
    probabilities = torch.tensor([0.4, 0.6]).view(1, 2, 1, 1).expand(1, 2, 4, 4)

    hard, soft = (
        grid_histograms(probabilities, HistogramSettings(grids=(1,), soft=s, square_root=False))[0].item()
        for s in (False, True)
    )

    assert hard == 1
    assert soft == pytest.approx(0.6)
    assert one_hot_argmax(probabilities)[0, :, 0, 0].tolist() == [0, 1]


def test_the_square_root_is_taken_of_fractions():
    probabilities = one_hot(rectangles((0, 0, 4, 4)), 1)

    assert grid_histograms(probabilities, HistogramSettings(grids=(1,)))[0].item() == pytest.approx(0.5)


def test_the_distance_is_mahalanobis_to_the_nearest_type():
    gaussian = GaussianPerType(
        means=torch.tensor([[0.0, 0.0], [10.0, 0.0]]).double(),
        precisions=torch.stack([torch.diag(torch.tensor([1.0, 4.0])), torch.eye(2)]).double(),
    )
    histograms = torch.tensor([[3.0, 2.0], [10.0, 2.0]])

    # sqrt(3 ** 2 + 4 * 2 ** 2) = 5 from the first type, 2 from the second.
    assert gaussian.distance(histograms).tolist() == [5, 2]


def test_a_fitted_gaussian_measures_deviations():
    values = np.random.default_rng(0).normal(5, 2, (4000, 1))

    gaussian = fit_gaussians(values, np.zeros(4000, np.int64), 1e-5, PLAIN)

    assert gaussian.distance(torch.tensor([[11.0]])).item() == pytest.approx(3, rel=0.05)


def test_every_type_has_its_gaussian_and_noise_belongs_to_none():
    values = np.concatenate([np.full((10, 1), 1.0), np.full((10, 1), 3.0), [[500.0]]])
    types = np.array([0] * 10 + [1] * 10 + [-1])

    gaussian = fit_gaussians(values, types, 0.2, PLAIN)

    assert gaussian.means.flatten().tolist() == [1, 3]
    assert gaussian.distance(torch.tensor([[3.1]])).item() == pytest.approx(1, rel=0.01)


def test_hardly_any_images_share_one_gaussian():
    values, types = np.arange(6.0)[:, None], np.array([0, 0, 0, 1, 1, 1])

    gaussian = fit_gaussians(values, types, 0.2, PLAIN)

    assert gaussian.means.tolist() == [[2.5]]


def test_a_rare_type_has_its_own_mean_and_the_spread_that_all_types_have():
    # 10 + 10 images around 0 and 100, 2 around 50; about its own type's mean every image lies at -1 or 1.
    values = np.array([-1.0, 1.0] * 5 + [99.0, 101.0] * 5 + [49.0, 51.0])[:, None]
    types = np.repeat([0, 1, 2], [10, 10, 2])

    gaussian = fit_gaussians(values, types, 0.0, PLAIN)

    assert gaussian.means.flatten().tolist() == [0, 100, 50]
    assert gaussian.distance(torch.tensor([[53.0], [50.0], [20.0]])).tolist() == pytest.approx([3, 0, 20])


def test_noise_changes_the_root_of_much_less_than_that_of_nothing():
    # .01 more than nothing: a root of .1, half of that squared. .01 more than .25: the root goes from .5 to .5099.
    assert noise_variance(np.array([0.0, 0.5]), 0.01, square_root=True) == pytest.approx([0.0025, 2.45e-5], rel=1e-2)
    assert noise_variance(np.array([0.0, 0.5]), 0.01, square_root=False) == pytest.approx([2.5e-5, 2.5e-5])


def test_one_part_missing_of_many_is_told_although_each_class_varies():
    # 15 parts of 1 % each, 7 or 8 of them in the first of two classes by chance. An image with 14 has usual amounts of
    # both, but not the usual sum: a root is .018 below, where a variance of (4 / 10,000) / 4 would allow .01.
    generator = np.random.default_rng(0)
    first = generator.integers(7, 9, 200)
    roots = np.sqrt(0.01 * np.stack([first, 15 - first], axis=1))
    gaussian = fit_gaussians(roots, np.zeros(200, np.int64), 4 / 10_000, HistogramSettings())
    whole, missing = (torch.tensor(np.sqrt(0.01 * np.array([assignments]))) for assignments in ([7, 8], [7, 7]))

    assert gaussian.distance(missing).item() > 4 * gaussian.distance(whole).item()
    assert gaussian.distance(missing).item() > 5


@pytest.mark.parametrize("images", [1, 2, 20])
@pytest.mark.parametrize("covariance", ["ledoit_wolf", "pseudo_inverse"])
def test_identical_images_give_numbers(images, covariance):
    settings = HistogramSettings(covariance=covariance)
    gaussian = fit_gaussians(np.full((images, 3), 0.2), np.zeros(images, np.int64), 0.2, settings)

    assert torch.isfinite(gaussian.distance(torch.tensor([[0.2, 0.2, 0.2], [0.9, 0.0, 0.0]]))).all()


def fitted(settings, count=20):
    """A class 1 of about a quarter, and a class 2 that is never seen below the upper left quarter."""
    maps = torch.cat([rectangles((0, 0, 4, 3 + i % 3), (2, 0, 1, 1 + i % 2), side=16) for i in range(count)])
    histograms = grid_histograms(one_hot(maps, 2), settings)
    return fit_patch_histogram([h.double().numpy() for h in histograms], np.zeros(count, np.int64), 256, settings)


@pytest.mark.parametrize("square_root", [False, True])
def test_a_class_never_seen_in_a_cell_gives_a_finite_score_that_grows_with_it(square_root):
    histogram = fitted(HistogramSettings(square_root=square_root))
    usual = rectangles((0, 0, 4, 4), (2, 0, 1, 1), side=16)
    one_pixel, many = usual.clone(), usual.clone()
    one_pixel[0, 12, 12] = 2
    many[0, 8:, 8:] = 2

    distances = histogram.distances(one_hot(torch.cat([usual, one_pixel, many]), 2))[:, 1]

    assert torch.isfinite(distances).all()
    assert distances[0] < distances[1] < distances[2]
    assert distances[1] < 5, "a stray pixel is no alarm"
    assert distances[2] > 5 * max(1, distances[1])


@given(order=st.permutations(range(4)))
def test_permuting_a_batch_permutes_its_distances(order):
    histogram = fitted(HistogramSettings())
    maps = torch.cat([rectangles((i, 2 * i, 5, 3), (12, i, 2, 2), side=16) for i in range(4)])

    distances = histogram.distances(one_hot(maps, 2))

    torch.testing.assert_close(histogram.distances(one_hot(maps[list(order)], 2)), distances[list(order)])


def test_one_gaussian_for_all_types_when_the_line_says_so():
    values, types = [np.arange(20.0)[:, None]], np.arange(20) // 10

    counts = {
        per_type: len(
            fit_patch_histogram(values, types, 64, HistogramSettings(grids=(1,), per_type=per_type)).gaussians[0].means
        )
        for per_type in (True, False)
    }

    assert counts == {True: 2, False: 1}


def test_stored_tensors_rebuild_the_same_histogram():
    settings = HistogramSettings(grids=(1, 2))
    histogram = fitted(settings)
    probabilities = one_hot(rectangles((3, 3, 5, 5), side=16), 2)

    again = PatchHistogram.from_tensors(histogram.tensors(), settings)

    assert torch.equal(again.distances(probabilities), histogram.distances(probabilities))


def test_distances_in_single_precision_are_those_in_double():
    # Precision diag(4, 9), mean (1, 1): (3, 2) is at sqrt(4 * 4 + 9 * 1) = 5; the second type is nearer to (0, 0).
    means = torch.tensor([[1.0, 1.0], [0.0, 0.5]], dtype=torch.float64)
    precisions = torch.stack([torch.diag(torch.tensor([4.0, 9.0])), torch.eye(2)]).double()

    single = FactoredGaussians(GaussianPerType(means[:1], precisions[:1]))
    both = FactoredGaussians(GaussianPerType(means, precisions))

    assert single.distance(torch.tensor([[3.0, 2.0]])).tolist() == [pytest.approx(5)]
    assert both.distance(torch.tensor([[0.0, 0.0]])).tolist() == [pytest.approx(0.5)]
