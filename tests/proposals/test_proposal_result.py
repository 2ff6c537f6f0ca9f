import tracemalloc

import numpy as np
import pytest

from csad.imaging.canvas import Canvas
from csad.imaging.working_image import working_size
from csad.proposals.classical import ColourRegions, WholeParts
from csad.proposals.proposal_result import RefinedProposals

CANVAS = Canvas((0.0, 0.0, 1.0, 1.0), 256, 256)
WHITE, DARK, LIGHT = (255, 255, 255), (60, 60, 60), (190, 190, 190)


def tiled(height, width, across):
    """Tiles of two greys, like a chess board."""
    rows, columns = np.arange(height) * across // height, np.arange(width) * across // width
    dark = (rows[:, None] + columns) % 2 == 0
    return np.where(dark[..., None], np.uint8(DARK), np.uint8(LIGHT))


def whole_parts(image):
    return np.asarray(image[..., 0] == DARK[0])


@pytest.mark.parametrize("proposer", [ColourRegions(CANVAS), WholeParts(whole_parts)], ids=["regions", "parts"])
@pytest.mark.parametrize("combine", [False, True])
def test_the_masks_of_a_large_image_have_its_working_size(proposer, combine):
    result = RefinedProposals(proposer, combine).find(tiled(1600, 2400, 4))

    assert len(result.masks) >= 8
    assert {component.mask.shape for component in result.masks} == {working_size(1600, 2400)}


@pytest.mark.parametrize("proposer", [ColourRegions(CANVAS), WholeParts(whole_parts)], ids=["regions", "parts"])
def test_the_masks_of_a_small_image_are_those_that_the_proposer_makes(proposer):
    image = tiled(1024, 1024, 4)

    found = RefinedProposals(proposer, combine=False).find(image).masks

    expected = proposer.propose(image)
    assert len(found) == len(expected)
    assert all(np.array_equal(one.mask, other.mask) for one, other in zip(found, expected, strict=True))


def test_a_hundred_regions_of_a_large_image_need_a_hundred_working_sizes_and_not_a_hundred_images():
    image = tiled(2500, 4000, 10)  # 10 MP: as full-size masks 1 GB, and as much to compare them
    tracemalloc.start()

    result = RefinedProposals(ColourRegions(CANVAS), combine=True).find(image)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(result.masks) >= 100
    assert peak < 300e6
