import pytest
import torch

from csad.lgst.memory_bank import MemoryBank, with_normal_distances
from csad.lgst.normal_distances import LEAST_DEVIATION, NormalDistancesFit


class OneStage:
    """Layers that take a single stage as it is."""

    def describe(self, pyramid):
        return pyramid[0]


def two_neighbourhoods():
    """25 patches of a smooth part near 0 and 25 of a texture near 100: more of each than are pooled."""
    return torch.cat([torch.arange(25) * 0.01, 100 + torch.arange(25) * 0.01])[:, None]


def fitted(smooth, textured, repeats=40_000):
    """Normal distances that were seen alternately at both: many, so that the prior weighs nothing."""
    fit = NormalDistancesFit(two_neighbourhoods())
    for start, distances in ((0, smooth), (25, textured)):
        values = torch.tensor(distances).repeat(repeats)
        places = start + torch.arange(len(values)) % 25
        # As images of one patch each: so many that all of what they show is believed.
        fit.add(values[:, None, None], places[:, None, None])
    return fit.build()


def test_the_same_distance_is_unusual_on_a_smooth_part_and_usual_on_a_texture():
    normal = fitted(smooth=[0.5, 1.5], textured=[4.0, 6.0])

    # Means 1 and 5, deviations 0.5 and 1; all distances together: mean 3, deviation 2.15, of which half is added.
    pooled = (((0.25 + 2.25 + 16 + 36) / 4) - 9) ** 0.5
    smooth, textured = normal(torch.tensor([5.0, 5.0]), torch.tensor([3, 30])).tolist()
    assert smooth == pytest.approx((5 - 1) / (0.5 + pooled / 2), rel=0.01)
    assert textured == pytest.approx(0, abs=0.01)


def test_a_patch_that_no_normal_one_is_near_to_goes_by_all_of_them():
    fit = NormalDistancesFit(two_neighbourhoods())
    fit.add(torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[0, 1]]]))
    normal = fit.build()

    # Mean 2, deviation 1, and half of that again.
    assert normal(torch.tensor([5.0]), torch.tensor([40])).item() == pytest.approx((5 - 2) / 1.5, rel=1e-4)


def test_identical_images_give_numbers():
    fit = NormalDistancesFit(two_neighbourhoods())
    fit.add(torch.zeros(1, 2, 50), (torch.arange(100) % 50).view(1, 2, 50))

    assert fit.build().deviation.min() >= LEAST_DEVIATION
    assert torch.isfinite(fit.build()(torch.tensor([7.0]), torch.tensor([0]))).all()


def test_an_infinite_distance_says_nothing():
    with_it, without = (NormalDistancesFit(two_neighbourhoods()) for _ in range(2))
    with_it.add(torch.tensor([[[1.0, torch.inf, 2.0]]]), torch.tensor([[[0, 1, 2]]]))
    without.add(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[0, 2]]]))

    torch.testing.assert_close(with_it.build().mean, without.build().mean)


def test_a_memory_learns_from_images_that_are_left_out_of_it():
    # The only patch of group 0 lies at 0, that of group 1 at 10: each image is 10 away from what the other left.
    bank = MemoryBank(OneStage(), torch.zeros(1), torch.ones(1), torch.tensor([[0.0], [10.0]]), torch.tensor([0, 1]))
    pyramids = [([0, 1], [torch.tensor([0.0, 10.0]).view(2, 1, 1, 1)])]

    taught = with_normal_distances({"only": bank}, pyramids)["only"]

    assert taught.normal.mean.tolist() == pytest.approx([10, 10])
    # 10 away again, and 10 + 3 deviations. All normal distances are alike, so the least deviation counts, as the prior
    # does: 20 patches and, for two images of one patch each, as many again as 2 * 20 / 2, 40 among 42; half on top.
    unusual = 10 + 3 * ((40 / 42) ** 0.5 + 0.5) * LEAST_DEVIATION
    map_ = taught.deviation_map([torch.tensor([20.0, 10 + unusual]).view(2, 1, 1, 1)])
    assert map_.flatten().tolist() == pytest.approx([0, 3], abs=1e-3)


def test_a_memory_that_was_taught_nothing_gives_no_deviations():
    bank = MemoryBank(OneStage(), torch.zeros(1), torch.ones(1), torch.zeros(1, 1), torch.tensor([0]))

    with pytest.raises(ValueError, match="with_normal_distances"):
        bank.deviation_map([torch.zeros(1, 1, 1, 1)])
