import numpy as np
import pytest

from csad.imaging.canvas import Canvas
from csad.proposals import classical
from csad.proposals.classical import ColourRegions, WholeParts, build_classical, colour_regions, merge_similar

FULL = Canvas((0.0, 0.0, 1.0, 1.0), 96, 96)
GREY, RED, GREEN, BLUE = (205, 205, 205), (200, 40, 40), (40, 160, 60), (40, 60, 190)
SQUARES = {RED: (10, 10), GREEN: (10, 60), BLUE: (60, 30)}


def squares(shift=0, colours=(RED, GREEN, BLUE)):
    """Squares of 20 px, apart from each other on grey."""
    image = np.full((96, 96, 3), GREY, np.uint8)
    for colour in colours:
        top, left = SQUARES[colour]
        image[top + shift : top + shift + 20, left : left + 20] = colour
    return image


def overlap(mask, top, left, height, width):
    truth = np.zeros_like(mask)
    truth[top : top + height, left : left + width] = True
    return (mask & truth).sum() / (mask | truth).sum()


def test_a_product_of_separate_parts_gives_one_mask_per_part():
    sample = [squares(shift) for shift in (0, 2, 4)]

    proposer = build_classical(sample, FULL, "auto")

    assert isinstance(proposer, WholeParts)
    masks = proposer.propose(squares())
    assert len(masks) == 3
    assert all(mask.mask.shape == (96, 96) and mask.mask.dtype == bool for mask in masks)
    for top, left in SQUARES.values():
        assert max(overlap(mask.mask, top, left, 20, 20) for mask in masks) > 0.85


def test_parts_whose_outlines_vary_are_still_parts(monkeypatch):
    monkeypatch.setattr(classical, "most_constant", lambda ways, sample: None)

    assert len(build_classical([squares(), squares(2)], FULL, "auto").propose(squares())) == 3


def test_a_product_of_one_body_gives_its_regions_of_one_colour():
    body = np.full((96, 96, 3), GREY, np.uint8)
    body[20:50, 20:70], body[50:80, 20:70] = RED, BLUE

    proposer = build_classical([body, body], FULL, "auto")

    assert isinstance(proposer, ColourRegions)
    masks = proposer.propose(body)
    assert len(masks) == 2, "the even background is left out"
    for top in (20, 50):
        assert max(overlap(mask.mask, top, 20, 30, 50) for mask in masks) > 0.8


def on_a_tray(*boxes):
    """Red boxes (top, left, height, width) on a blue tray that fills most of a grey image."""
    image = np.full((96, 96, 3), GREY, np.uint8)
    image[6:90, 6:90] = BLUE
    for top, left, height, width in boxes:
        image[top : top + height, left : left + width] = RED
    return image


def test_loose_parts_are_found_on_a_tray_that_stands_out_itself():
    generator = np.random.default_rng(0)
    sample = []
    for _ in range(12):
        places = [
            (int(row), int(generator.integers(10, 74))) for row in np.array([12, 40, 68]) + generator.integers(0, 8, 3)
        ]
        sample.append(on_a_tray(*[(top, left, 12, 12) for top, left in places]))

    proposer = build_classical(sample, FULL, "auto")

    assert isinstance(proposer, WholeParts)
    assert len(proposer.propose(sample[0])) == 3


def test_the_other_labels_of_product_types_are_no_loose_parts():
    # Three types with three labels each; a label covers its own place in a third of the images.
    rows = {0: (10, 10, 10), 1: (36, 36, 36), 2: (62, 62, 62)}
    sample = [on_a_tray(*[(row, 10 + 28 * i, 20, 20) for i, row in enumerate(rows[n % 3])]) for n in range(12)]

    assert isinstance(build_classical(sample, FULL, "auto"), ColourRegions)


@pytest.mark.parametrize(("mode", "kind"), [("fine", ColourRegions), ("coarse", WholeParts)])
def test_a_mode_that_is_named_is_taken(mode, kind):
    assert isinstance(build_classical([squares(), squares()], FULL, mode), kind)


@pytest.mark.parametrize("mode", ["auto", "fine", "coarse"])
def test_an_empty_scene_gives_no_mask_of_a_part(mode):
    empty = squares(colours=())

    assert build_classical([empty, empty], FULL, mode).propose(empty) == []


def test_a_crop_of_the_canvas_is_searched_and_masks_lie_in_the_whole_image():
    lower_half = ColourRegions(Canvas((0.0, 0.5, 1.0, 1.0), 64, 96))

    masks = lower_half.propose(squares())

    assert len(masks) == 1
    assert overlap(masks[0].mask, 60, 30, 20, 20) > 0.8


def test_a_segmenter_that_cannot_tell_gives_no_mask():
    assert WholeParts(lambda image: None).propose(squares()) == []


def test_neighbours_of_nearly_one_colour_merge_and_others_stay():
    regions = np.array([[0, 0, 1, 1, 2, 2]], np.int32)
    lightness = np.array([50.0, 50, 53, 53, 80, 80])
    lab = np.stack([lightness, np.zeros(6), np.zeros(6)], axis=-1)[None]

    assert merge_similar(regions, lab).tolist() == [[0, 0, 0, 0, 1, 1]]


def test_regions_of_one_colour_that_do_not_touch_stay_apart():
    regions = np.array([[0, 1, 2]], np.int32)
    lab = np.array([[[50.0, 0, 0], [90, 0, 0], [50, 0, 0]]])

    assert merge_similar(regions, lab).tolist() == [[0, 1, 2]]


def test_colour_regions_are_labelled_from_1_and_cover_the_image():
    regions = colour_regions(squares())

    assert regions.min() == 1
    assert regions.shape == (96, 96)
    inside = {int(regions[top + 10, left + 10]) for top, left in SQUARES.values()}
    assert len(inside | {int(regions[0, 0])}) == 4
