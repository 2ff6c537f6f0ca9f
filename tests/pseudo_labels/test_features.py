import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from csad.common.errors import StageError
from csad.pseudo_labels.features import component_features, join_features, mean_colours, rotated_pictures
from tests.pseudo_labels.drawings import bar, box

WHITE = np.full((200, 240, 3), 255, dtype=np.uint8)


class QuarterPyramid(nn.Module):
    """Four stages; the last one is the mean red, green and blue of 32 x 32 pixels, and the red of the right half."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, image):
        self.batches.append(len(image))
        fine = [functional.avg_pool2d(image, stride) for stride in (4, 8, 16)]
        coarse = functional.avg_pool2d(image, 32)
        return [*fine, torch.cat([coarse, coarse[:, :1] * torch.tensor([0.0, 1.0])], dim=1)]


def stripes():
    """Red 200 left of x = 100, green 100 right of it."""
    image = np.zeros((200, 240, 3), dtype=np.uint8)
    image[:, :100, 0] = 200
    image[:, 100:, 1] = 100
    return image


def test_the_diagonal_of_the_rectangle_becomes_64_pixels():
    # 48 x 36 has the diagonal 60, so a pixel grows by 64/60 and the area by (64/60) squared.
    picture = rotated_pictures(WHITE, box(200, 240, 20, 30, 36, 48), rotations=1)[0]
    assert picture.shape == (3, 64, 64)
    assert float(picture[0].sum()) == pytest.approx(36 * 48 * (64 / 60) ** 2, rel=0.01)
    lit = picture[0] > 0.5
    assert int(lit.any(dim=0).sum()) == pytest.approx(48 * 64 / 60, abs=1)
    assert int(lit.any(dim=1).sum()) == pytest.approx(36 * 64 / 60, abs=1)


def test_the_component_is_in_the_middle_whatever_its_angle_and_place():
    pictures = rotated_pictures(WHITE, bar(200, 240, (150, 60), 80, 20, 25), rotations=7)
    position = torch.arange(64) + 0.5
    for picture in pictures[:, 0]:
        assert float((picture.sum(0) * position).sum() / picture.sum()) == pytest.approx(32, abs=0.3)
        assert float((picture.sum(1) * position).sum() / picture.sum()) == pytest.approx(32, abs=0.3)


def test_four_rotations_are_quarter_turns_without_a_repeated_one():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    pictures = rotated_pictures(image, box(40, 40, 5, 8, 21, 30), rotations=4)
    for quarter in range(1, 4):
        turned = torch.rot90(pictures[0], quarter, dims=(1, 2))
        assert float((pictures[quarter] - turned).abs().max()) < 1e-4
        assert float((pictures[quarter] - pictures[0]).abs().max()) > 0.3


def test_pixels_outside_the_mask_are_black():
    mask = box(200, 240, 50, 90, 40, 20)  # half on red, half on green
    hole = mask & ~box(200, 240, 60, 95, 20, 10)
    picture = rotated_pictures(stripes(), hole, rotations=1)[0]
    assert picture[:, 32, 32].tolist() == [0, 0, 0]
    assert picture[:, 0, 0].tolist() == [0, 0, 0]
    assert picture[2].abs().max() == 0


def test_a_large_component_is_averaged_not_subsampled():
    # A checkerboard of single pixels is an even half grey from afar; picking pixels would leave black and white ones.
    board = (np.indices((900, 900)).sum(axis=0) % 2 * 255).astype(np.uint8)
    picture = rotated_pictures(np.repeat(board[..., None], 3, axis=2), np.ones((900, 900), dtype=bool), rotations=3)
    inside = picture[0, 0, 16:48, 16:48]
    assert float(inside.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(inside.std()) < 0.02


def test_the_same_component_at_twice_the_size_gives_the_same_picture():
    small = rotated_pictures(WHITE, bar(200, 240, (60, 60), 70, 20, 30), rotations=2)
    large = rotated_pictures(np.full((400, 480, 3), 255, np.uint8), bar(400, 480, (120, 120), 140, 40, 30), rotations=2)
    assert float((small - large).abs().mean()) < 0.02


def test_features_are_the_mean_of_the_last_stage_over_place_and_rotation():
    mask = box(200, 240, 50, 20, 36, 48)
    features = component_features(stripes(), mask[None], QuarterPyramid(), rotations=4)
    covered = 36 * 48 * (64 / 60) ** 2 / 64**2 * (200 / 255)  # share of the 64 x 64 picture, times the red
    assert features.dtype == np.float32
    assert features.shape == (1, 4)
    assert features[0].tolist() == pytest.approx([covered, 0, 0, covered / 2], abs=0.005)


@settings(max_examples=10)
@given(st.permutations(range(5)))
def test_permuting_the_masks_permutes_their_features(order):
    masks = np.stack([bar(200, 240, (60 + 20 * i, 90), 60, 10 + 4 * i, 17 * i) for i in range(5)])
    features = component_features(stripes(), masks, QuarterPyramid(), rotations=3)
    assert np.allclose(component_features(stripes(), masks[list(order)], QuarterPyramid(), 3), features[list(order)])


def test_the_angle_of_a_component_hardly_matters():
    masks = np.stack([bar(200, 240, (100, 100), 90, 30, degrees) for degrees in (0, 11, 40, 63)])
    features = component_features(WHITE, masks, QuarterPyramid(), rotations=12)
    assert np.ptp(features, axis=0).max() < 0.02


def test_pictures_reach_the_backbone_in_batches():
    backbone = QuarterPyramid()
    masks = np.stack([box(200, 240, 5 * i, 5 * i, 10, 10) for i in range(7)])
    component_features(WHITE, masks, backbone, rotations=60)
    assert backbone.batches == [180, 180, 60]


def test_more_rotations_than_a_batch_still_average_over_one_component():
    backbone = QuarterPyramid()
    assert component_features(WHITE, np.ones((2, 200, 240), dtype=bool), backbone, rotations=360).shape == (2, 4)
    assert backbone.batches == [360, 360]


def test_an_image_without_masks_has_no_features():
    assert component_features(WHITE, np.zeros((0, 200, 240), dtype=bool), QuarterPyramid(), 4).shape[0] == 0
    assert mean_colours(WHITE, np.zeros((0, 200, 240), dtype=bool)).shape == (0, 3)


def test_one_pixel_and_the_full_image_have_features():
    masks = np.stack([box(200, 240, 3, 4, 1, 1), np.ones((200, 240), dtype=bool)])
    assert np.isfinite(component_features(stripes(), masks, QuarterPyramid(), 4)).all()
    assert np.isfinite(mean_colours(stripes(), masks)).all()


def test_an_empty_mask_is_refused():
    empty = np.zeros((1, 200, 240), dtype=bool)
    with pytest.raises(StageError, match="drop empty masks first"):
        component_features(WHITE, empty, QuarterPyramid(), 4)
    with pytest.raises(StageError, match="drop empty masks first"):
        mean_colours(WHITE, empty)


def test_the_colour_of_a_component_is_its_mean_in_lab():
    image = np.zeros((10, 100, 3), dtype=np.uint8)
    image[:, 50:] = 255  # LAB 0 and 100, without a colour
    masks = np.stack([box(10, 100, 0, 60, 5, 20), box(10, 100, 0, 45, 1, 10)])
    bright, half = mean_colours(image, masks)
    assert bright.tolist() == pytest.approx([100, 0, 0], abs=0.02)
    assert half.tolist() == pytest.approx([50, 0, 0], abs=0.02)


def test_appearance_and_colour_count_alike():
    deep = np.array([[3.0, 0.0], [-3.0, 0.0]], dtype=np.float32)
    colours = np.array([[50, 20, 0], [50, -20, 0]], dtype=np.float32)
    assert join_features(deep, colours).tolist() == [[1, 0, 2.5, 1, 0], [-1, 0, 2.5, -1, 0]]


def test_the_noise_of_a_grey_line_does_not_count_as_colour():
    deep = np.array([[3.0], [-3.0]], dtype=np.float32)
    colours = np.array([[51, 0, 0], [49, 0, 0]], dtype=np.float32)  # 1 unit from their mean, a tenth of what counts
    joined = join_features(deep, colours)
    assert (joined[0] - joined[1]).tolist() == pytest.approx([2, 0.2, 0, 0])


def test_identical_components_join_without_a_division_by_zero():
    same = np.ones((4, 3), dtype=np.float32)
    assert np.isfinite(join_features(same, same)).all()
