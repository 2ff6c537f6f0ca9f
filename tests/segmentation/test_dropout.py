import torch
from torch import nn

from csad.segmentation.dropout import SeededDropout, draw_on_cpu
from tests.pretended_gpu import GPU, PretendedGpu

FEATURES = torch.rand(2, 8, 4, 4, generator=torch.Generator().manual_seed(0)).contiguous(
    memory_format=torch.channels_last
)


def dropped(layer, features):
    torch.manual_seed(7)
    return layer.train()(features)


def test_it_drops_what_the_dropout_of_torch_drops_on_the_cpu():
    assert torch.equal(dropped(SeededDropout(0.3), FEATURES), dropped(nn.Dropout(0.3), FEATURES))


def test_a_seed_drops_the_same_on_a_gpu():
    with PretendedGpu():
        on_gpu = dropped(SeededDropout(0.3), FEATURES.to(GPU)).cpu()

    assert torch.equal(on_gpu, dropped(SeededDropout(0.3), FEATURES))


def test_nothing_is_dropped_after_training():
    assert torch.equal(SeededDropout(0.3).eval()(FEATURES), FEATURES)


def test_every_dropout_of_a_network_is_replaced():
    network = nn.Sequential(nn.Dropout(0.1), nn.Sequential(nn.ReLU(), nn.Dropout(0.2)))

    draw_on_cpu(network)

    assert [layer.p for layer in network.modules() if isinstance(layer, SeededDropout)] == [0.1, 0.2]
