import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from csad.lgst.memory_bank import MEMORY_LAYERS, POOL_FACTOR, MemoryBank, MemoryBankFit, _greedy_k_centre
from csad.lgst.normal_distances import NormalDistances


class OneStage:
    """Layers that take a single stage as it is."""

    def describe(self, pyramid):
        return pyramid[0]


PLAIN = OneStage()


def fit_memory_banks(layer_sets, pyramids, images, size, seed):
    fit = MemoryBankFit(layer_sets, images, size, seed)
    for groups, pyramid in pyramids:
        fit.add(groups, pyramid)
    return fit.build()


def fit_memory_bank(layers, pyramids, images, size, seed):
    numbered = ((range(index, index + len(pyramid[0])), pyramid) for index, pyramid in enumerate(pyramids))
    return fit_memory_banks({"only": layers}, numbered, images, size, seed)["only"]


def pyramid_of(patches, height, width):
    """A stage that holds these patches (N, C) row by row."""
    return [torch.as_tensor(patches).T.reshape(1, -1, height, width).float()]


def memory_of(patches):
    patches = torch.as_tensor(patches).float()
    channels = patches.shape[1]
    return MemoryBank(PLAIN, torch.zeros(channels), torch.ones(channels), patches, torch.arange(len(patches)))


def test_layers_bring_finer_and_coarser_stages_to_stride_8():
    pyramid = [torch.rand(2, 3, 16, 24), torch.rand(2, 4, 8, 12), torch.rand(2, 5, 4, 6)]

    local, detail = MEMORY_LAYERS["local"].describe(pyramid), MEMORY_LAYERS["detail"].describe(pyramid)

    assert local.shape == (2, 9, 8, 12)
    assert detail.shape == (2, 7, 8, 12)
    assert torch.equal(local[:, :4], pyramid[1]), "what lies at stride 8 stays"


def test_averaging_counts_only_patches_inside_the_image():
    pyramid = [torch.ones(1, 1, 8, 8), torch.ones(1, 1, 4, 4), torch.ones(1, 1, 2, 2)]

    torch.testing.assert_close(MEMORY_LAYERS["detail"].describe(pyramid), torch.ones(1, 2, 4, 4))


def test_the_distance_is_to_the_nearest_normal_patch():
    bank = memory_of([[0.0, 0.0], [10.0, 0.0]])

    distances = bank.nearest(pyramid_of([[3.0, 4.0], [10.0, 2.0]], 1, 2))[0]

    torch.testing.assert_close(distances, torch.tensor([[[5.0, 2.0]]]))


def test_an_image_is_not_near_to_itself_when_its_own_patches_are_left_out():
    bank = memory_of([[0.0, 0.0], [10.0, 0.0]])
    pyramid = [pyramid_of([[1.0, 0.0]], 1, 1)[0].expand(2, -1, -1, -1)]

    # Without the first patch 9 remain to the second, and without the second 1 to the first.
    assert bank.nearest(pyramid, without=[0, 1])[0].flatten().tolist() == pytest.approx([9, 1])


def test_patches_know_the_group_that_they_come_from():
    pyramids = [([7], pyramid_of([[0.0], [1.0]], 1, 2)), ([3], pyramid_of([[50.0], [60.0]], 1, 2))]

    bank = fit_memory_banks({"only": PLAIN}, pyramids, images=2, size=4, seed=0)["only"]

    values = (bank.patches * bank.deviation + bank.mean).flatten()
    assert [(round(float(v)), int(s)) for v, s in sorted(zip(values, bank.sources, strict=True))] == [
        (0, 7),
        (1, 7),
        (50, 3),
        (60, 3),
    ]


def test_distances_are_in_deviations_of_normal_patches():
    bank = MemoryBank(PLAIN, torch.tensor([10.0]), torch.tensor([2.0]), torch.zeros(1, 1), torch.tensor([0]))

    assert bank.nearest(pyramid_of([[16.0]], 1, 1))[0].item() == pytest.approx(3)


def test_the_coreset_covers_every_group_of_patches_however_rare():
    """99 patches near the origin and a single one far away."""
    crowd = 0.01 * torch.randn(99, 3, generator=torch.Generator().manual_seed(0))
    rare = torch.tensor([[50.0, 0, 0]])

    bank = fit_memory_bank(PLAIN, [pyramid_of(torch.cat([crowd, rare]), 10, 10)], images=1, size=20, seed=0)

    assert bank.patches.shape == (20, 3)
    assert bank.nearest(pyramid_of(rare, 1, 1))[0].item() < 0.1


@pytest.mark.parametrize("candidates", [1, 2, 7, 1000])
def test_each_patch_of_the_coreset_is_the_farthest_from_those_before_it(monkeypatch, candidates):
    monkeypatch.setattr("csad.lgst.memory_bank.CANDIDATES", candidates)
    points = torch.rand(60, 3, generator=torch.Generator().manual_seed(3))

    chosen = _greedy_k_centre(points, 12, seed=0).tolist()

    kept = [0]
    while len(kept) < 12:
        kept.append(int(torch.cdist(points.double(), points[kept].double()).amin(dim=1).argmax()))
    assert chosen == kept


def test_few_patches_are_all_kept():
    pyramids = [pyramid_of(torch.randn(4, 3), 2, 2) for _ in range(2)]

    assert fit_memory_bank(PLAIN, pyramids, images=2, size=100, seed=0).patches.shape == (8, 3)


def test_every_image_gives_patches_and_only_a_few_times_the_coreset_are_held(monkeypatch):
    held = []
    monkeypatch.setattr(
        "csad.lgst.memory_bank._greedy_k_centre", lambda pool, size, seed: held.append(len(pool)) or [0]
    )
    pyramids = (pyramid_of(torch.randn(100, 2), 10, 10) for _ in range(30))

    fit_memory_bank(PLAIN, pyramids, images=30, size=6, seed=0)

    assert held == [6 * POOL_FACTOR]


def test_wide_features_are_covered_too():
    patches = torch.randn(64, 100, generator=torch.Generator().manual_seed(0))
    patches[63] += 30

    bank = fit_memory_bank(PLAIN, [pyramid_of(patches, 8, 8)], images=1, size=5, seed=0)

    assert bank.nearest(pyramid_of(patches[63:], 1, 1))[0].item() == pytest.approx(0, abs=0.1)


def test_identical_images_give_numbers():
    pyramids = [pyramid_of(torch.full((4, 3), 0.7), 2, 2)] * 3

    bank = fit_memory_bank(PLAIN, pyramids, images=3, size=5, seed=0)

    assert bank.nearest(pyramids[0])[0].max() == 0
    assert torch.isfinite(bank.nearest(pyramid_of(torch.ones(4, 3), 2, 2))[0]).all()


def test_the_same_seed_keeps_the_same_patches():
    pyramids = [pyramid_of(torch.randn(36, 4), 6, 6) for _ in range(3)]

    one, same, other = (fit_memory_bank(PLAIN, pyramids, 3, 5, seed).patches for seed in (1, 1, 2))

    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@given(order=st.permutations(range(4)))
def test_permuting_a_batch_permutes_its_maps(order):
    generator = torch.Generator().manual_seed(0)
    bank = memory_of(torch.randn(6, 3, generator=generator))
    pyramid = [torch.randn(4, 3, 2, 2, generator=generator)]

    permuted = bank.nearest([pyramid[0][list(order)]])[0]

    torch.testing.assert_close(permuted, bank.nearest(pyramid)[0][list(order)])


def test_a_stored_memory_bank_measures_nearly_the_same():
    normal = NormalDistances(torch.rand(10), torch.rand(10) + 1)
    parts = (torch.randn(5), torch.rand(5) + 0.5, torch.randn(10, 5), torch.arange(10))
    bank = MemoryBank(MEMORY_LAYERS["local"], *parts, normal)
    pyramid = [torch.rand(1, 1, 8, 8), torch.rand(1, 2, 4, 4), torch.rand(1, 3, 2, 2)]

    again = MemoryBank.from_tensors("local", bank.tensors())

    torch.testing.assert_close(again.deviation_map(pyramid), bank.deviation_map(pyramid), atol=0.01, rtol=0.01)


def test_several_memory_banks_fitted_in_one_pass_are_those_fitted_alone():
    pyramids = [[torch.rand(2, channels, side, side) for channels, side in ((4, 16), (5, 8), (6, 4))] for _ in range(3)]

    together = fit_memory_banks(MEMORY_LAYERS, ((range(2), pyramid) for pyramid in pyramids), 6, 20, seed=2)

    for name, layers in MEMORY_LAYERS.items():
        assert torch.equal(together[name].patches, fit_memory_bank(layers, pyramids, 6, 20, seed=2).patches)
