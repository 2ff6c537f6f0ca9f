"""What takes the place of torchvision's compiled part in the images of tests."""

import torch
from torchvision.ops import box_iou, nms

from tests.images_build.torch_stand_in import NMS

FOUND = {"Tensor": torch.Tensor, "torch": torch, "box_iou": box_iou}
exec(NMS, FOUND)
BOXES = torch.tensor(
    [
        [0.0, 0.0, 10.0, 10.0],
        [0.0, 0.0, 10.0, 5.0],  # overlaps the first by half
        [0.0, 2.0, 10.0, 10.0],  # overlaps the first by 0.8, the second by 0.3
        [20.0, 0.0, 30.0, 10.0],
    ]
)


def test_the_best_box_drops_those_that_it_overlaps_by_more():
    assert FOUND["nms"](BOXES, torch.tensor([0.5, 0.9, 0.7, 0.8]), 0.6).tolist() == [1, 3, 2]
    assert FOUND["nms"](BOXES, torch.tensor([0.5, 0.9, 0.7, 0.8]), 0.5).tolist() == [1, 3, 2]
    assert FOUND["nms"](BOXES, torch.tensor([0.9, 0.5, 0.7, 0.8]), 0.49).tolist() == [0, 3]


def test_it_keeps_what_the_compiled_one_keeps():
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(200, 2, generator=generator) * 50
    boxes = torch.cat([corners, corners + torch.rand(200, 2, generator=generator) * 30 + 1], dim=1)
    scores = torch.randint(0, 20, (200,), generator=generator) / 20  # many are equal
    for threshold in (0.1, 0.5, 0.7):
        assert torch.equal(FOUND["nms"](boxes, scores, threshold), nms(boxes, scores, threshold))


def test_no_box_is_no_box():
    assert FOUND["nms"](torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []
