import pytest
import torch

from csad.features.backbone import Backbone
from csad.segmentation.network import SegmentationNetwork, class_probabilities


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SegmentationNetwork(Backbone("tf_efficientnet_lite0", stages=3), classes=3).eval()


@torch.no_grad()
def test_it_answers_at_a_quarter_of_the_size_with_the_background_added(network):
    logits = network(torch.rand(2, 3, 64, 96))

    assert logits.shape == (2, 4, 16, 24)
    assert network.classes == 3


@torch.no_grad()
def test_probabilities_sum_to_one(network):
    probabilities = class_probabilities(network(torch.rand(1, 3, 64, 64)))

    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(1, 16, 16))


def test_only_the_decoder_and_the_head_train(network):
    trainable = {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad}

    assert trainable == {"decoder", "head"}
    assert {name.split(".")[0] for name in network.trainable_state()} == {"decoder", "head"}


def test_the_backbone_stays_in_evaluation_while_the_decoder_trains(network):
    network.train()
    assert network.decoder.training
    assert not network.backbone.training
    network.eval()


@torch.no_grad()
def test_stored_weights_give_the_same_answer(network):
    torch.manual_seed(1)
    other = SegmentationNetwork(network.backbone, classes=3).eval()
    image = torch.rand(1, 3, 64, 64)
    assert not torch.allclose(other(image), network(image))

    other.load_trainable_state(network.trainable_state())

    torch.testing.assert_close(other(image), network(image))


def test_weights_of_another_network_are_refused_by_name(network):
    state = network.trainable_state()
    state["tail.weight"] = state.pop("head.weight")

    with pytest.raises(KeyError, match=r"head\.weight.*tail\.weight"):
        network.load_trainable_state(state)


@torch.no_grad()
def test_permuting_a_batch_permutes_its_answers(network):
    images, order = torch.rand(3, 3, 64, 64), torch.tensor([2, 0, 1])

    torch.testing.assert_close(network(images[order]), network(images)[order], atol=1e-4, rtol=1e-4)
