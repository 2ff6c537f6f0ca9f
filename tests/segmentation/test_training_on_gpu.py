"""The segmentation network's training on the pretended GPU, beside the CPU."""

import itertools
import logging

import numpy as np
import pytest
import torch

from csad.config.settings import SegmentationSettings
from csad.features.backbone import load_backbone
from csad.segmentation import training
from csad.segmentation.data import SegmentationData
from csad.segmentation.training import train_segmentation
from tests.pretended_gpu import GPU

pytestmark = [
    pytest.mark.usefixtures("pretended_gpu"),
    pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter:UserWarning"),
]


def half_labelled():
    """Two labelled and two unlabelled images of noise with a square of class 1."""
    generator = np.random.default_rng(0)
    canvases = [generator.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(4)]
    labels = [np.zeros((64, 64), np.uint8) for _ in range(4)]
    for label_map in labels:
        label_map[16:40, 16:40] = 1
    return SegmentationData(canvases, labels, np.array([True, True, False, False]), np.zeros(4, np.int64), classes=1)


SETTINGS = SegmentationSettings(steps=4, batch=2, labelled_only_fraction=0.25)


def trained(device, checkpoint=None):
    backbone = load_backbone("tf_efficientnet_lite0", stages=3)
    network = train_segmentation(backbone, half_labelled(), SETTINGS, 1, checkpoint, device)
    assert network.head.weight.device == torch.device(device)
    return {name: value.cpu() for name, value in network.trainable_state().items()}


def differing(one, other):
    return [name for name in one if not torch.equal(one[name], other[name])]


def test_labelled_and_unlabelled_images_train_the_network_of_the_cpu():
    assert differing(trained(GPU), trained("cpu")) == []


@pytest.mark.parametrize(("first", "then"), [(GPU, "cpu"), ("cpu", GPU), (GPU, GPU)])
def test_a_killed_training_goes_on_from_its_checkpoint_on_either_device(tmp_path, monkeypatch, caplog, first, then):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 2)
    checkpoint, averaged_model = tmp_path / "checkpoint.safetensors", training.averaged_model

    def killed_in_step_3(network, decay):
        average = averaged_model(network, decay)
        update, steps = average.update_parameters, itertools.count()

        def update_or_end(network):
            if next(steps) == 3:
                raise KeyboardInterrupt
            update(network)

        average.update_parameters = update_or_end
        return average

    with monkeypatch.context() as patch:
        patch.setattr(training, "averaged_model", killed_in_step_3)
        with pytest.raises(KeyboardInterrupt):
            trained(first, checkpoint)
    with caplog.at_level(logging.INFO):
        resumed = trained(then, checkpoint)

    assert "training resumes after step 2" in caplog.text
    assert differing(resumed, trained("cpu")) == []
