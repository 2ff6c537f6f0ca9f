import torch
from torch import nn

from csad.segmentation.pointwise import PointwiseConv2d, multiply_pointwise


def test_it_mixes_the_channels_of_each_place():
    layer = nn.Conv2d(2, 1, kernel_size=1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[[3.0]], [[5.0]]]]))
        layer.bias.fill_(1.0)
    multiply_pointwise(layer)

    found = layer(torch.tensor([[[[1.0, 2.0]], [[10.0, 20.0]]]]))

    assert isinstance(layer, PointwiseConv2d)
    assert found.tolist() == [[[[1 + 3 + 50, 1 + 6 + 100]]]]


def test_only_plain_convolutions_of_single_pixels_change():
    module = nn.Sequential(
        nn.Conv2d(4, 4, 1),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.Conv2d(4, 4, 1, groups=4),
        nn.Conv2d(4, 4, 1, stride=2),
        nn.Sequential(nn.Conv2d(4, 2, 1, bias=False)),
    )
    image = torch.rand(2, 4, 6, 6)
    before, weights = module(image), [p.clone() for p in module.parameters()]

    multiply_pointwise(module)

    changed = [isinstance(layer, PointwiseConv2d) for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    assert changed == [True, False, False, False, True]
    assert all(torch.equal(a, b) for a, b in zip(weights, module.parameters(), strict=True))
    torch.testing.assert_close(module(image), before)
