import numpy as np

from csad.proposals.part_finding import PartFinder, most_constant, ways_to_tell_parts
from csad.proposals.parts import separate_parts

SIDE = 96
BENCH, STEEL = (150, 150, 146), (176, 178, 180)
BLACK = np.linspace(0, 90, 20)[None, :, None]
"""Shining at one side."""


def finder(distance, loose=False):
    return PartFinder("a way", distance, faint=False, loose=loose)


def showing(*counts):
    """Distances that show so many parts in one image after the other, at the same places."""
    answers = []
    for count in counts:
        distance = np.zeros((SIDE, SIDE))
        for part in range(count):
            distance[20 * part + 4 : 20 * part + 16, 10:40] = 50
        answers.append(distance)
    again = iter(answers)
    return lambda image: next(again)


def images(count):
    return [np.zeros((SIDE, SIDE, 3), np.uint8)] * count


def test_the_way_that_finds_as_many_parts_in_all_images_is_chosen():
    wavering, steady = finder(showing(4, 3, 4)), finder(showing(4, 4, 4))

    assert most_constant([wavering, steady], images(3)) is steady


def test_of_two_that_are_as_good_the_earlier_is_chosen():
    first, second = finder(showing(4, 3, 4)), finder(showing(4, 4, 3))

    assert most_constant([first, second], images(3)) is first


def test_what_cannot_be_more_constant_ends_the_search():
    steady, unasked = finder(showing(4, 4, 4)), finder(showing())

    assert most_constant([steady, unasked], images(3)) is steady


def test_a_way_for_loose_parts_is_no_way_for_parts_that_lie_where_they_always_do():
    assert most_constant([finder(showing(4, 4, 4), loose=True)], images(3)) is None
    assert most_constant([finder(showing(4, 4, 4))], images(3)) is not None


def test_no_way_is_chosen_where_none_is_reliable():
    assert most_constant([finder(showing(1, 1, 1)), finder(lambda image: None)], images(3)) is None


def bench(generator):
    """Three black parts and one of steel, each somewhere in its own quarter, under a lamp at one side."""
    image = np.full((SIDE, SIDE, 3), BENCH, float)
    for index, colour in enumerate((BLACK, BLACK, BLACK, STEEL)):
        top, left = np.array([48 * (index // 2), 48 * (index % 2)]) + generator.integers(6, 22, 2)
        image[top : top + 20, left : left + 20] = colour
    light = 1 + generator.uniform(-0.15, 0.15) * np.linspace(-1, 1, SIDE)[None, :, None]
    return (image * light + generator.normal(0, 2, (SIDE, SIDE, 1))).clip(0, 255).astype(np.uint8)


def test_faint_and_strong_parts_are_found_together_in_uneven_light():
    generator = np.random.default_rng(0)
    sample = [bench(generator) for _ in range(12)]

    chosen = most_constant(ways_to_tell_parts(sample, border=True), sample)

    assert chosen.faint
    assert [len(separate_parts(chosen(image))) for image in sample] == [4] * 12


def test_without_an_even_border_only_loose_parts_are_told():
    sample = [bench(np.random.default_rng(0))]

    assert all(way.loose for way in ways_to_tell_parts(sample, border=False))
