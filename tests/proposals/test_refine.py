import time
import tracemalloc

import numpy as np
import pytest

from csad.proposals.refine import PackedMasks, filter_by_combine, filter_by_grounding


def grounding_by_definition(proposals, semantic):
    union = np.any(semantic, axis=0)
    return {i for i, m in enumerate(proposals) if m.sum() > 0 and (union & m).sum() / m.sum() > 0.9}


def combine_by_definition(masks):
    from_small_to_large = sorted((i for i in range(len(masks)) if masks[i].any()), key=lambda i: masks[i].sum())
    union = np.zeros(masks.shape[1:], dtype=bool)
    kept, waiting = [], []
    for i in from_small_to_large:
        m = masks[i]
        if len(kept) == 0 or np.logical_and(union, m).sum() / min(union.sum(), m.sum()) < 0.9:
            kept.append(i)
            union = np.logical_or(union, m)
        else:
            waiting.append(i)
    for i in waiting:
        m = masks[i]
        if np.logical_and(union, m).sum() / m.sum() < 0.9:
            kept.append(i)
            union = np.logical_or(union, m)
    return set(kept)


def ellipses(generator, count, height, width):
    y, x = np.ogrid[:height, :width]
    masks = np.zeros((count, height, width), dtype=bool)
    for mask in masks:
        radius = np.exp(generator.uniform(np.log(0.6), np.log(max(height, width, 2) / 2), size=2))
        centre = generator.uniform((0, 0), (height, width))
        mask[:] = ((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2 <= 1
    return masks


def row(pixels):
    """Masks of one row of 20 pixels, from (first, last) spans."""
    masks = np.zeros((len(pixels), 1, 20), dtype=bool)
    for mask, (first, last) in zip(masks, pixels, strict=True):
        mask[0, first : last + 1] = True
    return masks


def test_both_filters_equal_their_definition_on_a_thousand_random_sets():
    generator = np.random.default_rng(7)
    incomplete = 0
    for _ in range(1000):
        height, width = generator.integers(1, 24, size=2)
        masks = ellipses(generator, generator.integers(1, 12), height, width)
        semantic = ellipses(generator, generator.integers(1, 4), height, width)
        if generator.random() < 0.5:  # copies and unions, as automatic masks have
            masks = np.concatenate([masks, masks[:1], (masks[0] | masks[-1])[None]])
        assert filter_by_grounding(masks, semantic) == sorted(grounding_by_definition(masks, semantic))
        expected = combine_by_definition(masks)
        assert filter_by_combine(masks) == sorted(expected)
        incomplete += len(expected) < len(masks)
    assert incomplete > 300


def test_grounding_keeps_what_lies_on_the_union_of_the_semantic_masks():
    semantic = row([(0, 4), (5, 9)])
    # 10 of 10 pixels, 10 of 11 = .909, 9 of 10 = .9 which is not above .9, 0 of 5.
    assert filter_by_grounding(row([(0, 9), (0, 10), (1, 10), (12, 16)]), semantic) == [0, 1]


def test_combine_drops_a_mask_that_unites_two_smaller_ones():
    assert filter_by_combine(row([(0, 3), (4, 8), (0, 8)])) == [0, 1]


def test_combine_drops_a_copy_and_keeps_the_first_of_equals():
    assert filter_by_combine(row([(2, 6), (2, 6)])) == [0]


def test_combine_gives_a_second_chance_to_a_mask_that_contains_the_union():
    # (0, 9) holds all of U = (0, 3), so it waits: 4 / min(4, 10) = 1. But only 4 of its 10 pixels are known.
    assert filter_by_combine(row([(0, 3), (0, 9)])) == [0, 1]


def test_the_second_chance_adds_to_the_union():
    # Both wait for (0, 3). (0, 9) is kept, 4 of its 10 pixels being known; after that 10 of 11 pixels of (0, 10) are.
    assert filter_by_combine(row([(0, 3), (0, 9), (0, 10)])) == [0, 1]
    # Of (0, 12) only 10 of 13 are.
    assert filter_by_combine(row([(0, 3), (0, 9), (0, 12)])) == [0, 1, 2]


def nested(generator, count, height, width):
    """Random rectangles, then unions of those before, as automatic masks hold parts, groups and the whole."""
    masks = np.zeros((count, height, width), dtype=bool)
    for index, mask in enumerate(masks):
        top, left = generator.integers(0, height), generator.integers(0, width)
        mask[top : generator.integers(top, height) + 1, left : generator.integers(left, width) + 1] = True
        for before in masks[:index]:
            if generator.random() < 0.3:
                mask |= before
    return masks[generator.permutation(count)]


def test_combine_equals_its_definition_on_two_thousand_nested_random_sets():
    generator = np.random.default_rng(11)
    second_chances = grown = 0
    for _ in range(2000):
        height, width = generator.integers(2, 24, size=2)
        masks = nested(generator, generator.integers(2, 14), height, width)
        expected = combine_by_definition(masks)
        assert filter_by_combine(masks) == sorted(expected)
        fixed = combine_with_a_fixed_union(masks)
        second_chances += len(fixed) > 1
        grown += fixed != expected
    # The sets put the second loop to the test: a union that stays as it was keeps other masks in many of them.
    assert second_chances > 1000
    assert grown > 200


def combine_with_a_fixed_union(masks):
    """A wrong reading of the definition: the second chance leaves the union as the first loop left it."""
    kept, union = [], np.zeros(masks.shape[1:], dtype=bool)
    waiting = []
    for i in sorted((i for i in range(len(masks)) if masks[i].any()), key=lambda i: masks[i].sum()):
        if not kept or (union & masks[i]).sum() / min(union.sum(), masks[i].sum()) < 0.9:
            kept.append(i)
            union |= masks[i]
        else:
            waiting.append(i)
    return set(kept + [i for i in waiting if (union & masks[i]).sum() / masks[i].sum() < 0.9])


@pytest.mark.parametrize("empty", [np.zeros((0, 4, 4), dtype=bool), np.zeros((3, 4, 4), dtype=bool)])
def test_nothing_is_kept_of_nothing(empty):
    assert filter_by_combine(empty) == []
    assert filter_by_grounding(empty, np.ones((1, 4, 4), dtype=bool)) == []


def test_without_open_vocabulary_masks_nothing_is_grounded():
    assert filter_by_grounding(np.ones((2, 4, 4), dtype=bool), np.zeros((0, 4, 4), dtype=bool)) == []


def test_a_mask_of_the_full_image_alone_is_kept():
    assert filter_by_combine(np.ones((1, 5, 7), dtype=bool)) == [0]


def test_an_empty_mask_is_never_the_first():
    assert filter_by_combine(np.concatenate([np.zeros((1, 1, 20), dtype=bool), row([(3, 5)])])) == [1]


def test_packed_masks_count_pixels_beyond_the_last_whole_word():
    packed = PackedMasks.pack(np.ones((2, 13, 11), dtype=bool))
    assert packed.areas.tolist() == [143, 143]
    assert packed.select([1]).areas.tolist() == [143]
    assert packed.select([]).bitsets == ()


def test_sixty_large_masks_are_ten_times_faster_than_the_definition_and_take_little_memory():
    masks = ellipses(np.random.default_rng(0), 60, 1280, 1600)
    semantic = masks[:6]

    def packed():
        together = PackedMasks.pack(masks)
        return filter_by_grounding(together, together.select(range(6))), filter_by_combine(together)

    seconds = min(_seconds(packed) for _ in range(3))
    plain = _seconds(lambda: (grounding_by_definition(masks, semantic), combine_by_definition(masks)))
    assert plain / seconds > 10

    tracemalloc.start()
    packed()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < masks.nbytes / 4


def _seconds(work):
    started = time.process_time()
    work()
    return time.process_time() - started
