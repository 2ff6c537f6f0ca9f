import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from csad.common.errors import StageError
from csad.config.settings import SegmentationSettings
from csad.features.backbone import load_backbone
from csad.imaging.canvas_store import to_tensor
from csad.segmentation import training
from csad.segmentation.data import SegmentationData
from csad.segmentation.training import train_segmentation

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


@pytest.mark.parametrize("copies", [0, 24])
def test_it_learns_to_tell_a_red_from_a_blue_square(backbone, copies):
    line = settings(steps=40, batch=4, learning_rate=0.005, copies=copies)

    network = train_segmentation(backbone, products(6), line, seed=0)

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


LONG = {"steps": 7, "labelled_only_fraction": 0.3}
"""Unlabelled images join at step 3."""


def steps_of(monkeypatch, killed_at=None):
    """The labelled losses count the steps from here on, and end the process in one of them."""
    taken, losses = [], training.labelled_losses

    def counting(logits, labels):
        taken.append(len(taken))
        if len(taken) - 1 == killed_at:
            raise KeyboardInterrupt
        return losses(logits, labels)

    monkeypatch.setattr(training, "labelled_losses", counting)
    return taken


def train_until(step, backbone, data, checkpoint, **changes):
    with pytest.MonkeyPatch.context() as patch:
        steps_of(patch, killed_at=step)
        with pytest.raises(KeyboardInterrupt):
            train_segmentation(backbone, data, settings(**LONG, **changes), seed=1, checkpoint=checkpoint)


@pytest.mark.parametrize("copies", [0, 4])
@pytest.mark.parametrize("killed_at", [1, 3, 5, 6])
def test_a_killed_training_resumes_and_ends_like_an_uninterrupted_one(
    backbone, tmp_path, monkeypatch, killed_at, copies
):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 2)
    data, checkpoint = products(5, labelled=3), tmp_path / "checkpoint.safetensors"
    line = settings(**LONG, copies=copies)
    whole = train_segmentation(backbone, data, line, seed=1).trainable_state()

    train_until(killed_at, backbone, data, checkpoint, copies=copies)
    taken = steps_of(monkeypatch)
    torch.manual_seed(99)
    resumed = train_segmentation(backbone, data, line, seed=1, checkpoint=checkpoint).trainable_state()

    assert len(taken) == 7 - killed_at // 2 * 2
    assert states_equal(resumed, whole)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_a_training_that_is_killed_twice_ends_like_an_uninterrupted_one(backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 2)
    data, checkpoint = products(5, labelled=3), tmp_path / "checkpoint.safetensors"

    train_until(3, backbone, data, checkpoint)
    train_until(3, backbone, data, checkpoint)
    resumed = train_segmentation(backbone, data, settings(**LONG), seed=1, checkpoint=checkpoint).trainable_state()

    assert states_equal(resumed, train_segmentation(backbone, data, settings(**LONG), seed=1).trainable_state())


def changed(data, change):
    canvases, labels = [canvas.copy() for canvas in data.canvases], [labels.copy() for labels in data.labels]
    {"canvases": canvases, "labels": labels}[change][0][0, 0] = 1
    return replace(data, canvases=canvases, labels=labels)


@pytest.mark.parametrize("change", ["seed", "settings", "canvases", "labels"])
def test_a_checkpoint_of_another_training_is_not_continued(backbone, tmp_path, monkeypatch, caplog, change):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 1)
    data, checkpoint = products(2), tmp_path / "checkpoint.safetensors"
    train_segmentation(backbone, data, settings(), seed=0, checkpoint=checkpoint)
    others = {
        "data": changed(data, change) if change in ("canvases", "labels") else data,
        "settings": settings(batch=3) if change == "settings" else settings(),
        "seed": 1 if change == "seed" else 0,
    }

    with caplog.at_level(logging.WARNING):
        network = train_segmentation(backbone, **others, checkpoint=checkpoint)

    assert "belongs to other images or settings" in caplog.text
    assert states_equal(network.trainable_state(), train_segmentation(backbone, **others).trainable_state())


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
