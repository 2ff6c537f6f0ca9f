import numpy as np
import pytest

from csad.proposals.parts import PartStatistics, largest_overlap, measure_parts, separate_parts

IMAGE = np.zeros((100, 100, 3), np.uint8)


def test_separate_parts_come_largest_first_without_specks():
    foreground = np.zeros((100, 100), bool)
    foreground[5:10, 5:10] = True
    foreground[50:60, 50:60] = True
    foreground[90, 90:95] = True

    parts = separate_parts(foreground)

    assert [int(part.sum()) for part in parts] == [100, 25], "5 of 10,000 pixels are a speck"
    assert separate_parts(np.zeros((10, 10), bool)) == []


def test_masks_overlap_with_the_one_most_like_them():
    masks = np.zeros((3, 2, 4), bool)
    masks[0, 0, :2], masks[1, 0, :4], masks[2, 1, :] = True, True, True

    # 2 of 4 pixels in common, twice, and nothing: the median of .5, .5 and 0.
    assert largest_overlap(masks) == 0.5
    assert largest_overlap(masks[:1]) == 0


def test_parts_are_counted_and_measured():
    # Two images with 2 and 4 squares of 10 px on 100 x 100: 2 % and 4 %.
    masks = []
    for count in (2, 4):
        mask = np.zeros((100, 100), bool)
        for index in range(count):
            mask[20 * index : 20 * index + 10, :10] = True
        masks.append(mask)
    answers = iter(masks)

    found = measure_parts(lambda image: next(answers), [IMAGE, IMAGE])

    assert found.count == 3
    assert found.variation == pytest.approx(1 / 3)
    assert found.coverage == pytest.approx(0.03)
    assert found.spread == pytest.approx(1 / 3)
    # The first two squares of the second are the first's: half of the four.
    assert found.overlap == pytest.approx(0.5, abs=0.03)


def test_nothing_found_is_not_a_set_of_parts():
    found = measure_parts(lambda image: None, [IMAGE])

    assert (found.count, found.coverage) == (0, 0)
    assert not found.reliable()


@pytest.mark.parametrize(
    ("statistics", "reliable"),
    [
        (PartStatistics(5, 0.1, 0.2, 0.1, 0.1), True),
        (PartStatistics(2, 0.1, 0.2, 0.1, 0.1), False),
        (PartStatistics(5, 0.1, 0.01, 0.1, 0.1), False),
        (PartStatistics(5, 0.1, 0.6, 0.1, 0.1), False),
        (PartStatistics(5, 0.1, 0.2, 0.9, 0.1), False),
    ],
)
def test_few_huge_tiny_or_changing_parts_are_not_a_set_of_parts(statistics, reliable):
    assert statistics.reliable() is reliable
    assert statistics.describe().endswith(": separate parts") is reliable


@pytest.mark.parametrize(
    ("statistics", "single"),
    [
        (PartStatistics(1, 0.1, 0.5, 0.05, 0.1), True),
        (PartStatistics(5, 0.1, 0.2, 0.1, 0.1), False),
        (PartStatistics(0, 0.1, 0.0, 0.0, 0.1), False),
        (PartStatistics(1, 0.1, 0.5, 0.9, 0.1), False),
    ],
)
def test_one_steady_part_is_a_single_body(statistics, single):
    assert statistics.single_body() is single
    assert statistics.describe().endswith(": one body") is single
