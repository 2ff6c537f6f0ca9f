import pytest
import torch

from csad.segmentation.augmentation import (
    MAXIMUM_BRIGHTNESS,
    random_affine,
    random_brightness,
    warp_images,
    warp_labels,
)

IDENTITY = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def shift_right(pixels, width):
    """The sampling matrix that moves the content to the right."""
    return torch.tensor([[[1.0, 0, -2 * pixels / width], [0, 1, 0]]])


def test_nothing_moves_under_the_identity():
    images = torch.rand(1, 3, 8, 12)
    labels = torch.randint(0, 5, (1, 8, 12))

    torch.testing.assert_close(warp_images(images, IDENTITY), images, atol=1e-5, rtol=0)
    assert torch.equal(warp_labels(labels, IDENTITY, stride=1), labels)


def test_images_and_labels_move_together():
    labels = torch.zeros(1, 16, 16, dtype=torch.long)
    labels[:, 4:8, 4:8] = 3
    images = labels[:, None].expand(1, 3, 16, 16).float()

    matrix = shift_right(4, 16)

    expected = torch.zeros(1, 16, 16, dtype=torch.long)
    expected[:, 4:8, 8:12] = 3
    assert torch.equal(warp_labels(labels, matrix, stride=1), expected)
    torch.testing.assert_close(warp_images(images, matrix)[:, 0], expected.float(), atol=1e-4, rtol=0)


def test_labels_are_taken_at_the_networks_stride():
    labels = torch.zeros(1, 16, 16, dtype=torch.long)
    labels[:, 8:, :4] = 2

    assert warp_labels(labels, IDENTITY, stride=4).tolist() == [[[0] * 4, [0] * 4, [2, 0, 0, 0], [2, 0, 0, 0]]]


def test_labels_stay_labels_however_they_are_turned():
    labels = torch.tensor([0, 5, 9])[torch.randint(0, 3, (4, 32, 64), generator=generator())]

    warped = warp_labels(labels, random_affine(4, 32, 64, generator()), stride=4)

    assert warped.dtype == torch.int64
    assert set(warped.unique().tolist()) <= {0, 5, 9}


def test_changes_are_mild_on_any_aspect_ratio():
    """A corner of the canvas moves by at most 3 % shift, 5 % scale and 5 degrees."""
    height, width = 64, 192
    matrices = random_affine(200, height, width, generator())
    sides = torch.tensor([width, height]) / 2
    corner = torch.tensor([1.0, 1.0, 1.0])

    moved = ((matrices @ corner) - corner[:2]) * sides

    half_diagonal = float(sides.norm())
    limit = 0.03 * 2 * float(sides.norm()) + (0.05 + 0.0873 * 1.05) * half_diagonal
    assert moved.norm(dim=1).max() <= limit
    assert moved.norm(dim=1).max() > 0.05 * half_diagonal


def test_a_turn_keeps_right_angles_on_a_long_canvas():
    height, width = 64, 192
    matrices = random_affine(20, height, width, generator())
    pixels = torch.diag(torch.tensor([width / 2, height / 2]))
    linear = pixels @ matrices[:, :, :2] @ pixels.inverse()

    across = (linear[:, :, 0] * linear[:, :, 1]).sum(dim=1)
    torch.testing.assert_close(across, torch.zeros(20), atol=1e-5, rtol=0)


def test_brightness_changes_each_image_as_a_whole_and_by_at_most_its_limit():
    images = torch.full((50, 3, 2, 2), 0.5)

    changed = random_brightness(images, generator())

    assert (changed.flatten(1).std(dim=1) < 1e-6).all()
    factors = changed[:, 0, 0, 0] / 0.5
    assert factors.min() >= 1 - MAXIMUM_BRIGHTNESS
    assert factors.max() <= 1 + MAXIMUM_BRIGHTNESS
    assert factors.std() > 0.05
    assert random_brightness(torch.ones(50, 3, 1, 1), generator()).max() == pytest.approx(1)


def test_the_same_seed_changes_alike():
    assert torch.equal(random_affine(3, 32, 32, generator(4)), random_affine(3, 32, 32, generator(4)))
    assert not torch.equal(random_affine(3, 32, 32, generator(4)), random_affine(3, 32, 32, generator(5)))
