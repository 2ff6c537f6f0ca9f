import numpy as np

from csad.imaging.part_mask import mask_faint_parts, mask_parts

STRONG, FAINT = np.linspace(35, 90, 40), 13.0
"""Parts that stand out shine at one side."""


def scene(faint=FAINT):
    """LAB distances: a washer and a square that stand out, and a faint square apart from them, on a little noise."""
    distance = np.abs(np.random.default_rng(0).normal(0, 1, (120, 160)))
    distance[20:60, 20:60] = STRONG
    distance[32:48, 32:48] = 1
    distance[30:60, 90:130] = STRONG
    distance[85:110, 60:85] = faint
    return distance


def overlap(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


def test_a_washer_keeps_its_hole():
    assert overlap(mask_parts(scene()), scene() > FAINT) > 0.95


def test_a_faint_part_is_found_beside_parts_that_stand_out():
    assert overlap(mask_parts(scene()), scene() > FAINT) > 0.95
    assert overlap(mask_faint_parts(scene()), scene() >= FAINT) > 0.95


def test_a_shadow_at_the_foot_of_a_part_is_no_faint_part():
    distance = scene(faint=1.0)
    distance[60:64, 20:60] = FAINT

    assert overlap(mask_faint_parts(distance), scene() > FAINT) > 0.95


def test_what_hardly_differs_from_the_background_is_no_part():
    for find in (mask_parts, mask_faint_parts):
        assert not find(np.full((40, 40), 5.0)).any()
