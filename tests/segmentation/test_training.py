import numpy as np
import pytest
import torch

from csad.backbone import load_backbone
from csad.canvas import to_tensor
from csad.errors import StageError
from csad.segmentation.training import SegmentationData, train_segmentation
from csad.settings import SegmentationSettings

RED, BLUE = (200, 30, 30), (30, 30, 200)


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("tf_efficientnet_lite0", stages=3)


def product(seed):
    """A red square of class 1 on the left and a blue one of class 2 on the right, and their label map."""
    rows = np.random.default_rng(seed).integers(8, 32, 2)
    pixels, labels = np.full((64, 64, 3), 190, np.uint8), np.zeros((64, 64), np.uint8)
    for label, (colour, row, left) in enumerate(((RED, rows[0], 4), (BLUE, rows[1], 36)), start=1):
        pixels[row : row + 24, left : left + 24] = colour
        labels[row : row + 24, left : left + 24] = label
    return pixels, labels


def products(count, labelled=None):
    canvases, labels = zip(*(product(seed) for seed in range(count)), strict=True)
    flags = np.arange(count) < (count if labelled is None else labelled)
    return SegmentationData(canvases, labels, flags, np.zeros(count, np.int64), classes=2)


def settings(**changes):
    return SegmentationSettings(**{"steps": 2, "batch": 2, "labelled_only_fraction": 0.5, **changes})


def states_equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


def test_it_learns_to_tell_a_red_from_a_blue_square(backbone):
    network = train_segmentation(backbone, products(6), settings(steps=40, batch=4, learning_rate=0.005), seed=0)

    pixels, labels = product(99)
    with torch.no_grad():
        found = network(to_tensor(pixels[None])).argmax(dim=1)[0].numpy()
    truth = labels[2::4, 2::4]
    for label in (1, 2):
        assert ((found == label) & (truth == label)).sum() / ((found == label) | (truth == label)).sum() > 0.5


def test_the_same_seed_trains_the_same_weights_and_another_does_not(backbone):
    one, same, other = (
        train_segmentation(backbone, products(4, labelled=2), settings(), seed).trainable_state() for seed in (1, 1, 2)
    )

    assert states_equal(one, same)
    assert not states_equal(one, other)


def test_the_backbone_does_not_change(backbone):
    before = {name: value.clone() for name, value in backbone.state_dict().items()}

    train_segmentation(backbone, products(3), settings(), seed=0)

    assert states_equal(before, backbone.state_dict())


def test_nothing_labelled_is_an_error(backbone):
    with pytest.raises(StageError, match="no image has a pseudo-label"):
        train_segmentation(backbone, products(3, labelled=0), settings(), seed=0)


@pytest.mark.parametrize("lsa", [False, True])
def test_labelled_images_without_a_component_do_not_fail(backbone, lsa):
    data = products(3)
    bare = SegmentationData(data.canvases, [np.zeros((64, 64), np.uint8)] * 3, data.labelled, data.types, classes=2)

    assert train_segmentation(backbone, bare, settings(lsa=lsa), seed=0).classes == 2


def test_one_image_is_enough_to_train(backbone):
    assert not train_segmentation(backbone, products(1), settings(batch=1), seed=0).training


def test_an_unlabelled_image_of_a_type_without_labels_still_trains(backbone):
    data = products(3, labelled=2)
    data.types[2] = 7

    train_segmentation(backbone, data, settings(labelled_only_fraction=0.0), seed=0)


def test_a_loss_that_is_no_number_stops_the_training(backbone):
    # A rate that throws the weights out of every range.
    with pytest.raises(StageError, match=r"the segmentation loss became .* lower segmentation\.learning_rate"):
        train_segmentation(backbone, products(2), settings(steps=20, learning_rate=1e30), seed=0)
