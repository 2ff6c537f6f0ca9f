"""Masks in little memory, and what is a part: worked out by hand; needs no foundation package."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from csad.imaging.working_image import working_size
from csad.proposals.automatic_masks import Crop, crops_of, point_grid, without_specks
from csad.proposals.part_selection import select_parts, split_parts
from csad.proposals.regions import Region, bounding_boxes

SIZE = (100, 120)


def mask_of(*rectangles, size=SIZE):
    """Rectangles as (top, left, rows, columns)."""
    mask = np.zeros(size, dtype=bool)
    for top, left, rows, columns in rectangles:
        mask[top : top + rows, left : left + columns] = True
    return mask


def region_of(mask, **provenance):
    return Region.of(np.ones((1, 1), dtype=bool), 0, 0, 0.9, **provenance).redrawn(mask, 0, 0)


def test_a_region_is_its_mask_with_its_provenance():
    mask = mask_of((10, 20, 5, 7), (30, 22, 1, 1))
    region = region_of(mask, stability=0.97, point=(21.5, 12.5))
    assert (region.left, region.top, region.width, region.height, region.area) == (20, 10, 7, 21, 36)
    component = region.component(SIZE, "automatic")
    assert np.array_equal(component.mask, mask)
    assert (component.source, component.score, component.stability) == ("automatic", 0.9, 0.97)
    assert component.point == (21.5, 12.5)


def test_a_region_of_a_crop_moves_into_the_image_with_its_point():
    moved = region_of(mask_of((1, 2, 3, 4)), point=(3.0, 2.0)).moved(50, 60)
    assert (moved.left, moved.top, moved.point) == (52, 61, (53.0, 62.0))


def test_the_mask_of_a_large_image_is_drawn_at_its_working_size():
    size = (2048, 4096)
    assert working_size(*size) == (724, 1448)  # each 2.83 pixels
    region = Region.of(np.ones((283, 566), dtype=bool), left=1414, top=0, score=0.9)
    mask = region.mask(size)
    assert mask.shape == (724, 1448)
    # 283 rows and 566 columns of 2.83 are 100 and 200; the first column is 1414 / 2.83.
    assert bounding_boxes(torch.from_numpy(mask[None])).tolist() == [[500, 0, 699, 99]]
    assert mask.sum() == 100 * 200


def test_each_pixel_of_a_reduced_mask_is_the_one_at_its_middle():
    size = (1024, 4096)  # half of each side
    full = np.random.default_rng(0).random(size) < 0.5
    assert np.array_equal(region_of(full).mask(size), full[1::2, 1::2])


def test_parts_that_touch_by_a_corner_are_two():
    parts = split_parts([region_of(mask_of((10, 10, 4, 4), (14, 14, 3, 3)), stability=0.5)])
    assert sorted(part.area for part in parts) == [9, 16]
    assert sorted((part.left, part.top) for part in parts) == [(10, 10), (14, 14)]
    assert {part.stability for part in parts} == {0.5}


def test_parts_together_are_the_mask():
    generator = np.random.default_rng(0)
    for _ in range(20):
        mask = ndimage.gaussian_filter(generator.normal(size=SIZE), 3) > 0.02
        union = np.zeros(SIZE, dtype=int)
        for part in split_parts([region_of(mask)]):
            union += part.mask(SIZE)
        assert np.array_equal(union, mask.astype(int))


def test_frames_background_and_specks_are_no_parts():
    background = mask_of((0, 0, 100, 30))
    part = region_of(mask_of((40, 50, 10, 10)))
    frame = region_of(mask_of((0, 0, 100, 1), (0, 0, 1, 120), (99, 0, 1, 120), (0, 119, 100, 1)))
    speck = region_of(mask_of((40, 80, 1, 11)))  # 11 of 12,000 pixels, a twelfth less than 0.1 %
    smallest = region_of(mask_of((40, 80, 1, 12)))
    # 20 rows of 20 columns: 19 columns on the background are 95 %, 18 are 90 %.
    on_background = region_of(mask_of((40, 11, 20, 20)))
    mostly_off = region_of(mask_of((40, 12, 20, 20)))

    kept = select_parts([part, frame, speck, smallest, on_background, mostly_off], background)

    assert kept == [part, smallest, mostly_off]


def test_bounding_boxes_include_the_last_pixel():
    masks = torch.from_numpy(np.stack([mask_of((10, 20, 5, 7)), mask_of(), mask_of((99, 119, 1, 1))]))
    boxes = bounding_boxes(masks).tolist()
    assert boxes[0] == [20, 10, 26, 14]
    assert boxes[1][2] < boxes[1][0]
    assert boxes[2] == [119, 99, 119, 99]


def specks_by_definition(mask, minimum):
    """Fill small holes, then remove small islands, on the whole image."""
    around = np.ones((3, 3), dtype=bool)
    holes, count = ndimage.label(~mask, around)
    filled = mask.copy()
    for label in range(1, count + 1):
        if (holes == label).sum() < minimum:
            filled[holes == label] = True
    islands, count = ndimage.label(filled, around)
    areas = [(islands == label).sum() for label in range(1, count + 1)]
    kept = [label for label, area in enumerate(areas, start=1) if area >= minimum] or [1 + int(np.argmax(areas))]
    return np.isin(islands, kept)


@pytest.mark.parametrize("minimum", [2, 9, 60, 500])
def test_specks_are_removed_as_on_the_whole_image(minimum):
    generator = np.random.default_rng(minimum)
    changed = 0
    for index in range(60):
        mask = ndimage.gaussian_filter(generator.normal(size=SIZE), generator.uniform(0.5, 4)) > 0.05
        if index % 2:  # a mask in a corner of the image, which the image's edge closes
            mask &= mask_of((0, 0, 40, 50))
        if not mask.any():
            continue
        tidied = without_specks(region_of(mask), SIZE, minimum)
        expected = specks_by_definition(mask, minimum)
        assert np.array_equal(mask if tidied is None else tidied.mask(SIZE), expected)
        assert (tidied is None) == np.array_equal(mask, expected)
        changed += tidied is not None
    assert changed > 10


def test_crops_cover_the_image_and_overlap_by_a_third_of_its_short_side():
    # overlap 512 / 1500 of 100 = 34; 67 of 100 rows, 77 of 120 columns
    assert crops_of(SIZE, 1) == [
        Crop(0, 0, 77, 67),
        Crop(0, 33, 77, 100),
        Crop(43, 0, 120, 67),
        Crop(43, 33, 120, 100),
    ]
    assert crops_of(SIZE, 0) == []
    assert len(crops_of(SIZE, 2)) == 4 + 16


def test_an_image_of_one_pixel_has_one_crop():
    assert crops_of((1, 1), 1) == [Crop(0, 0, 1, 1)]


def test_points_lie_in_the_middles_of_the_cells():
    assert point_grid(2).tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
