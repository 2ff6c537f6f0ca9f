import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from csad.lgst.pca import CELLS, PcaReconstruction, fit_pooled, out_of_fold_scores, pool


def fit_pca(batches, explained_variance, maximum_components):
    return fit_pooled(torch.cat([pool(batch) for batch in batches]), explained_variance, maximum_components)


def plane(count, seed=0):
    """Feature maps (count, 2, 3, 3) around a mean that vary along two directions, the first three times as far."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.linalg.qr(torch.randn(18, 2, generator=torch.Generator().manual_seed(9))).Q.T
    amounts = torch.randn(count, 2, generator=generator) * torch.tensor([3.0, 1.0])
    return (amounts @ directions + 5).view(count, 2, 3, 3), directions


def test_normal_maps_are_rebuilt_and_what_leaves_the_plane_is_an_error_at_its_place():
    student = fit_pca([plane(20)[0]], explained_variance=0.999, maximum_components=10)
    normal, odd = plane(2, seed=1)[0]
    odd = odd.clone()
    odd[:, 1, 2] += 7

    errors = student.error_map(torch.stack([normal, odd]))

    assert len(student.components) == 2
    assert errors.shape == (2, 3, 3)
    assert errors[0].max() < 1e-6
    assert divmod(int(errors[1].argmax()), 3) == (1, 2)


def test_the_error_is_the_squared_difference_averaged_over_channels():
    student = PcaReconstruction(torch.zeros(2, 1, 1), torch.tensor([[1.0, 0.0]]))

    # The component rebuilds the first channel; of (3, 4) the 4 remains: 16 / 2.
    assert student.error_map(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).tolist() == [[[8.0]]]


def test_as_many_components_as_the_variance_asks_for():
    # Variances 9 and 1: the first explains 90 %.
    maps = plane(2000)[0]

    kept = [len(fit_pca([maps], fraction, 10).components) for fraction in (0.5, 0.85, 0.95)]

    assert kept == [1, 1, 2]
    assert len(fit_pca([maps], 0.999, maximum_components=1).components) == 1


def test_components_are_orthonormal_and_the_first_is_the_longest():
    maps, directions = plane(500)

    components = fit_pca([maps[:200], maps[200:]], 0.999, 10).components

    torch.testing.assert_close(components @ components.T, torch.eye(2), atol=1e-4, rtol=0)
    assert (components[0] @ directions[0]).abs() > 0.99


@pytest.mark.parametrize("count", [1, 5])
def test_identical_images_give_numbers(count):
    features = torch.full((count, 4, 3, 3), 0.3)

    student = fit_pca([features], 0.95, 10)
    errors = student.error_map(torch.cat([features[:1], features[:1] + 1]))

    assert errors[0].max() < 1e-6
    torch.testing.assert_close(errors[1], torch.ones(3, 3))


@pytest.mark.parametrize(
    ("size", "pooled"), [((64, 64), (16, 16)), ((64, 16), (32, 8)), ((8, 8), (8, 8)), ((1, 300), (1, 256))]
)
def test_maps_are_pooled_to_about_256_cells_of_the_same_aspect_ratio(size, pooled):
    assert CELLS == 256
    assert tuple(pool(torch.rand(1, 2, *size)).shape[-2:]) == pooled


@given(order=st.permutations(range(4)))
def test_permuting_a_batch_permutes_its_errors(order):
    student = fit_pca([plane(10)[0]], 0.9, 10)
    features = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(3))

    torch.testing.assert_close(student.error_map(features[list(order)]), student.error_map(features)[list(order)])


def test_a_stored_student_finds_the_same_errors():
    student = fit_pca([plane(10)[0]], 0.9, 10)
    features = torch.randn(2, 2, 3, 3)

    again = PcaReconstruction.from_tensors(student.tensors())

    torch.testing.assert_close(again.error_map(features), student.error_map(features), rtol=1e-2, atol=1e-2)


def test_a_map_is_scored_by_components_that_had_not_seen_its_fold():
    maps, _ = plane(6)
    maps[5, 0, 1, 1] += 4
    folds = torch.tensor([0, 0, 0, 1, 1, 2])

    scores = out_of_fold_scores(maps, folds, 0.999, 10)

    others = fit_pooled(maps[:5], 0.999, 10)
    assert scores[5].item() == pytest.approx(others.error_map(maps[5:]).max().item(), rel=1e-5)
    assert scores[5] > 2 * fit_pooled(maps, 0.999, 10).error_map(maps[5:]).max(), "having seen it, it looks normal"
