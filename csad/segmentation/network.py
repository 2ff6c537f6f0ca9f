"""Frozen backbone and DeepLabV3+ decoder (paper 3.2; arXiv:1802.02611)."""

from __future__ import annotations

import torch
from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder
from torch import Tensor, nn
from torch.nn import functional

from csad.features.backbone import Backbone
from csad.segmentation.dropout import draw_on_cpu

ATROUS_RATES = (6, 12, 18)
LABEL_STRIDE = 4
"""The decoder answers at the stride of the backbone's first stage; losses and histograms are taken there."""

PAPER_WIDTH = 256
SMALL_WIDTH = 96
"""Decoder width for backbones whose third stage has fewer channels than the paper's decoder."""


class SegmentationNetwork(nn.Module):
    """Predicts the component class of each pixel; only the decoder holds trainable weights.

    Args:
        backbone: Frozen pyramid; stages 1 (stride 4) and 3 (stride 16) are read.
        classes: Component classes K; class 0 is added for the background.
    """

    def __init__(self, backbone: Backbone, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        fine, coarse = backbone.channels[0], backbone.channels[2]
        width = PAPER_WIDTH if coarse > PAPER_WIDTH else SMALL_WIDTH
        self.decoder = DeepLabV3PlusDecoder(
            encoder_channels=(3, 0, fine, 0, coarse),
            encoder_depth=4,
            out_channels=width,
            atrous_rates=ATROUS_RATES,
            output_stride=16,
            aspp_separable=True,
            aspp_dropout=0.1,
        )
        draw_on_cpu(self.decoder)
        self.head = nn.Conv2d(width, classes + 1, kernel_size=1)
        self.decoder.to(memory_format=torch.channels_last)

    @property
    def classes(self) -> int:
        """Component classes K, the background not counted."""
        return self.head.out_channels - 1

    def forward(self, image: Tensor) -> Tensor:
        """Predict class logits.

        Args:
            image: RGB in 0..1, float32 (B, 3, H, W).

        Returns:
            Logits (B, K + 1, H/4, W/4).
        """
        stages = self.backbone(image)
        return self.decode(stages)

    def decode(self, stages: list[Tensor]) -> Tensor:
        """Predict class logits (B, K + 1, H/4, W/4) from the backbone's stages."""
        return self.classify(stages[0], stages[2])

    def classify(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Predict class logits (B, K + 1, H/4, W/4).

        Args:
            fine: First stage of the backbone, (B, C1, H/4, W/4).
            coarse: Third stage, (B, C3, H/16, W/16).
        """
        empty = fine.new_empty(0)
        logits: Tensor = self.head(self.decoder([empty, empty, fine, empty, coarse]))
        return logits

    @property
    def trained(self) -> nn.ModuleDict:
        """Decoder and head: all that training changes."""
        return nn.ModuleDict({"decoder": self.decoder, "head": self.head})

    def trainable_state(self) -> dict[str, Tensor]:
        """Decoder and head weights; the backbone is stored by reference."""
        return {key: value for key, value in self.state_dict().items() if not key.startswith("backbone.")}

    def load_trainable_state(self, state: dict[str, Tensor]) -> None:
        """Load what `trainable_state` returned."""
        own = self.trainable_state()
        if state.keys() != own.keys():
            raise KeyError(f"segmentation weights differ: {sorted(own.keys() ^ state.keys())[:5]}")
        self.load_state_dict(state, strict=False)


def class_probabilities(logits: Tensor) -> Tensor:
    """Softmax over classes (B, K + 1, h, w)."""
    return functional.softmax(logits, dim=1)
