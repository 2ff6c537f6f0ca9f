import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csad.metrics.ground_truth import Defect
from csad.metrics.spro import LIMITS, Spro


def defect(mask, saturation=None):
    mask = np.asarray(mask, dtype=bool)
    return Defect(mask, mask.sum() if saturation is None else saturation)


def by_definition(images, limits):
    """The plain definition: every distinct score as threshold, masks compared pixel by pixel, then trapezoids."""
    values = sorted({float(value) for scores, _ in images for value in np.ravel(scores)}, reverse=True)
    points = []
    for threshold in [*values, -np.inf]:
        overlaps, false_positives, free_pixels = [], 0, 0
        for scores, defects in images:
            predicted = scores > threshold
            anomalous = np.zeros(scores.shape, dtype=bool)
            for found in defects:
                overlaps.append(min((predicted & found.mask).sum() / found.saturation, 1))
                anomalous |= found.mask
            false_positives += (predicted & ~anomalous).sum()
            free_pixels += (~anomalous).sum()
        points.append((false_positives / free_pixels, np.mean(overlaps)))
    return [area_up_to(limit, points) / limit for limit in limits]


def area_up_to(limit, points):
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 >= limit:
            break
        if x1 > limit:
            x1, y1 = limit, y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
        area += (x1 - x0) * (y0 + y1) / 2
    return area


def measure(images, limits=LIMITS, **options):
    with Spro(**options) as spro:
        for scores, defects in images:
            spro.add("all", scores, defects)
        areas = spro.areas({"all": ["all"]}, limits)["all"]
    return None if areas is None else list(areas.values())


GOOD = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]])


def test_a_map_that_ranks_every_defect_pixel_first_scores_one():
    anomalous = np.array([[9.0, 8.0, 0.0, 0.0]])
    assert measure([(GOOD, []), (anomalous, [defect([[1, 1, 0, 0]])])]) == pytest.approx([1.0] * 5)


def test_a_map_that_ranks_every_defect_pixel_last_scores_zero():
    anomalous = np.array([[-1.0, -2.0, 1.0, 1.0]])
    assert measure([(GOOD, []), (anomalous, [defect([[1, 1, 0, 0]])])]) == pytest.approx([0.0] * 5)


def test_half_of_a_defect_found_at_once_and_half_after_every_other_free_pixel():
    # 10 free pixels. Half the defect is above all of them, half between the second and the third.
    free = np.array([[10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]])
    anomalous = np.array([[11.0, 8.5]])
    areas = measure([(free, []), (anomalous, [defect([[1, 1]])])], limits=[0.1, 0.2, 0.4, 1.0])
    # Up to a rate of 0.2 the overlap is 0.5, then 1: areas 0.05, 0.1, 0.1 + 0.2, 0.1 + 0.8.
    assert areas == pytest.approx([0.5, 0.5, 0.75, 0.9])


def test_ties_between_free_and_defect_pixels_are_a_straight_line():
    # Everything ties: from (0, 0) to (1, 1), y = x; the area up to L is L^2 / 2, divided by L.
    areas = measure([(np.ones((2, 5)), []), (np.ones((1, 4)), [defect([[1, 1, 0, 0]])])])
    assert areas == pytest.approx([limit / 2 for limit in LIMITS])


def test_a_saturated_defect_needs_only_its_saturation():
    # One of four pixels found before any free pixel. Saturation 1: all of it counts; 2: half; 4: a quarter.
    scores = np.array([[5.0, 0.0, 0.0, 0.0, 4.0, 3.0, 2.0, 1.0]])
    mask = [[1, 1, 1, 1, 0, 0, 0, 0]]
    assert measure([(scores, [defect(mask, 1)])], [1.0]) == pytest.approx([1.0])
    assert measure([(scores, [defect(mask, 2)])], [1.0]) == pytest.approx([0.5])
    assert measure([(scores, [defect(mask, 4)])], [1.0]) == pytest.approx([0.25])


def test_one_mask_is_one_defect_even_in_two_parts_and_overlapping_masks_are_two():
    scores = np.array([[5.0, 0.5, 0.0, 5.0, 1.0]])
    two_parts = [defect([[1, 0, 1, 1, 0]])]
    assert measure([(scores, two_parts)], [1.0]) == pytest.approx([2 / 3])
    overlapping = [defect([[1, 0, 0, 1, 0]]), defect([[1, 1, 1, 1, 0]])]
    assert measure([(scores, overlapping)], [1.0]) == pytest.approx([(1 + 1 / 2) / 2])


def test_kinds_share_the_good_images_and_are_measured_apart():
    perfect, missed = np.array([[9.0, 0.0]]), np.array([[-9.0, 0.0]])
    with Spro() as spro:
        spro.add("good", GOOD, [])
        spro.add("logical", perfect, [defect([[1, 0]])])
        spro.add("structural", missed, [defect([[1, 0]])])
        areas = spro.areas(
            {
                "logical": ["good", "logical"],
                "structural": ["good", "structural"],
                "both": ["good", "logical", "structural"],
                "absent": ["good", "dents"],
            },
            [1.0],
        )
    assert areas["logical"] == {1.0: pytest.approx(1.0)}
    assert areas["structural"] == {1.0: pytest.approx(0.0)}
    assert areas["both"] == {1.0: pytest.approx(0.5)}
    assert areas["absent"] is None


def test_without_free_pixels_there_is_no_figure():
    assert measure([(np.ones((1, 2)), [defect([[1, 1]])])]) is None


def test_scores_that_are_not_finite_are_refused():
    with Spro() as spro, pytest.raises(ValueError, match="1 of 2 pixel scores are not finite"):
        spro.add("good", np.array([[np.nan, 1.0]]), [])


def test_a_mask_of_another_size_is_refused():
    with Spro() as spro, pytest.raises(ValueError, match=r"\(1, 3\), its map \(1, 2\)"):
        spro.add("logical", np.ones((1, 2)), [defect([[1, 0, 0]])])


@st.composite
def image_sets(draw):
    """A few images of a few pixels, many ties, overlapping defects, saturations below and above a pixel count."""
    scores = st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0, 2.0, -1.0, 7.5])
    images = []
    for _ in range(draw(st.integers(1, 5))):
        height, width = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        pixels = height * width
        grid = np.array(draw(st.lists(scores, min_size=pixels, max_size=pixels)), dtype=np.float32)
        defects = []
        for _ in range(draw(st.integers(0, 3))):
            mask = np.array(draw(st.lists(st.booleans(), min_size=pixels, max_size=pixels)))
            if mask.any():
                saturation = draw(st.sampled_from([0.5, 1, 1.5, 2, 3, 100]))
                defects.append(defect(mask.reshape(height, width), min(saturation, mask.sum())))
        images.append((grid.reshape(height, width), defects))
    return images


@settings(max_examples=200)
@given(images=image_sets(), sample=st.integers(1, 5), window=st.integers(1, 8))
def test_equals_the_plain_definition_whatever_the_windows(images, sample, window):
    free = sum(
        (~np.any([*(found.mask for found in defects), np.zeros(scores.shape, bool)], axis=0)).sum()
        for scores, defects in images
    )
    if not free or not any(defects for _, defects in images):
        assert measure(images, sample=sample, window=window) is None
    else:
        assert measure(images, sample=sample, window=window) == pytest.approx(
            by_definition(images, LIMITS), rel=1e-9, abs=1e-12
        )


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_only_the_order_of_scores_matters(seed):
    generator = np.random.default_rng(seed)
    images = [
        (generator.normal(size=(6, 7)).astype(np.float32), []),
        (generator.normal(size=(5, 5)).astype(np.float32), [defect(np.eye(5), 3), defect(np.tri(5))]),
    ]
    stretched = [(np.exp(scores.astype(np.float64) / 4), defects) for scores, defects in images]
    assert measure(images[::-1]) == pytest.approx(measure(images))
    assert measure(stretched) == pytest.approx(measure(images))
