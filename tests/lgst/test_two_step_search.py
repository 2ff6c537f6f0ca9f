from dataclasses import replace

import pytest
import torch

from csad.lgst.memory_bank import MemoryBank
from csad.lgst.normal_distances import NormalDistances
from csad.lgst.two_step_search import CANDIDATES, LEAST_FRACTION, TwoStepSearch

CHANNELS = 60
LEVEL = 1.0


class OneStage:
    """Describes patches by one stage as it is."""

    def describe(self, pyramid):
        return pyramid[0]


@pytest.fixture
def bank():
    """300 patches around ten places, with normal distances that differ from patch to patch."""
    generator = torch.Generator().manual_seed(1)
    places = 4 * torch.randn(10, CHANNELS, generator=generator)
    patches = places.repeat(30, 1) + torch.randn(300, CHANNELS, generator=generator)
    return MemoryBank(
        OneStage(),
        torch.randn(CHANNELS, generator=generator),
        0.5 + torch.rand(CHANNELS, generator=generator),
        patches,
        torch.zeros(300, dtype=torch.int64),
        NormalDistances(8 + torch.rand(300, generator=generator), 1 + torch.rand(300, generator=generator)),
    )


def pyramid_of(standardised, bank):
    """The stage whose standardised patches these are, (B, h, w, C)."""
    return [(standardised * bank.deviation + bank.mean).permute(0, 3, 1, 2)]


def image_of(bank, side, spread, seed):
    """An image whose patches lie around those of the bank, (1, side, side, C)."""
    generator = torch.Generator().manual_seed(seed)
    chosen = bank.patches[torch.randint(len(bank.patches), (side // 2, side // 2), generator=generator)]
    blocks = chosen.repeat_interleave(2, dim=0).repeat_interleave(2, dim=1)
    return (blocks + spread * torch.randn(side, side, CHANNELS, generator=generator)).unsqueeze(0)


def test_what_exceeds_the_level_is_what_the_memory_bank_finds(bank):
    pyramid = pyramid_of(image_of(bank, 24, 1.1, seed=2), bank)
    right = bank.deviation_map(pyramid)
    assert 0.05 < (right > LEVEL).float().mean() < 0.8  # some patches show, and some do not

    found = TwoStepSearch(bank, LEVEL).deviation_map(pyramid)

    torch.testing.assert_close(found.clamp_min(LEVEL), right.clamp_min(LEVEL), atol=1e-3, rtol=1e-3)


def test_the_highest_patches_are_exact_where_none_exceeds_the_level(bank):
    pyramid = pyramid_of(image_of(bank, 24, 0.8, seed=3), bank)
    right = bank.deviation_map(pyramid).flatten()
    count = round(LEAST_FRACTION * 24 * 24)

    found = TwoStepSearch(bank, level=100.0).deviation_map(pyramid).flatten()

    highest = right.topk(count // 4).indices
    torch.testing.assert_close(found[highest], right[highest], atol=1e-3, rtol=1e-3)


def test_patches_far_from_all_of_the_bank_are_exact(bank):
    image = image_of(bank, 8, 0.5, seed=4)
    image[:, 2:5, 3:7] += 9.0
    pyramid = pyramid_of(image, bank)

    found = TwoStepSearch(bank, LEVEL).deviation_map(pyramid)

    torch.testing.assert_close(found[:, 2:5, 3:7], bank.deviation_map(pyramid)[:, 2:5, 3:7], atol=1e-3, rtol=1e-3)


def test_no_candidate_is_nearer_than_the_nearest_patch(bank):
    bank = replace(bank, normal=NormalDistances(torch.zeros(300), torch.ones(300)))  # deviations are distances
    pyramid = pyramid_of(image_of(bank, 24, 1.5, seed=5), bank)

    found = TwoStepSearch(bank, level=1000.0).deviation_map(pyramid)

    assert bool((found >= bank.deviation_map(pyramid) - 1e-3).all())


def test_images_of_a_batch_change_nothing_for_each_other(bank):
    images = [image_of(bank, 8, spread, seed=6) for spread in (0.5, 3.0)]
    search = TwoStepSearch(bank, LEVEL)

    together = search.deviation_map(pyramid_of(torch.cat(images), bank))

    for index, image in enumerate(images):
        alone = search.deviation_map(pyramid_of(image, bank))
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("side", "patches"), [(7, 300), (8, CANDIDATES**2 - 1)])
def test_odd_maps_and_small_banks_are_compared_as_a_whole(bank, side, patches):
    normal = NormalDistances(bank.normal.mean[:patches], bank.normal.deviation[:patches])
    bank = replace(bank, patches=bank.patches[:patches], sources=bank.sources[:patches], normal=normal)
    generator = torch.Generator().manual_seed(7)
    pyramid = pyramid_of(torch.randn(1, side, side, CHANNELS, generator=generator), bank)

    found = TwoStepSearch(bank, level=100.0).deviation_map(pyramid)

    torch.testing.assert_close(found, bank.deviation_map(pyramid), atol=1e-3, rtol=1e-3)
