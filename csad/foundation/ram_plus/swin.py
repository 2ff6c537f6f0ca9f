"""The image encoder of RAM++: timm's Swin transformer (Liu et al. 2021, arXiv:2103.14030)."""

from __future__ import annotations

import torch
from timm.models.swin_transformer import SwinTransformer, SwinTransformerBlock, WindowAttention
from torch import Tensor, nn

from csad.foundation.ram_plus.architecture import SwinArchitecture


class SwinEncoder(nn.Module):
    """Square image to tokens: their mean first, then one per patch of the last stage.

    Args:
        architecture: Its size.
    """

    def __init__(self, architecture: SwinArchitecture) -> None:
        super().__init__()
        self.swin = SwinTransformer(
            img_size=architecture.image,
            patch_size=architecture.patch,
            window_size=architecture.window,
            embed_dim=architecture.width,
            depths=architecture.depths,
            num_heads=architecture.heads,
            drop_path_rate=0.0,
            num_classes=0,
            weight_init="skip",
        )

    def forward(self, image: Tensor) -> Tensor:
        """Encode images.

        Args:
            image: Normalised RGB, (B, 3, S, S) with the architecture's S.

        Returns:
            (B, 1 + N, C): the mean token, then N patches row by row.
        """
        tokens = self.swin.forward_features(image).flatten(1, 2)  # (B, S/32, S/32, C) to (B, N, C)
        return torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)

    def compute_buffers(self) -> None:
        """Compute what no file holds, windows' masks and relative positions: a network made on meta lacks them."""
        for module in self.swin.modules():
            if isinstance(module, WindowAttention):
                module.relative_position_index = torch.empty_like(module.relative_position_index, device="cpu")
            if isinstance(module, WindowAttention | SwinTransformerBlock):
                module.init_non_persistent_buffers()


def published_prefixes(architecture: SwinArchitecture) -> dict[str, str]:
    """Prefixes of the published weights' names and what they are here, longest match first.

    The authors halve the grid at the end of a stage, timm at the beginning of the next one: the same network.
    """
    halved = range(len(architecture.depths) - 1)
    moved = {
        f"visual_encoder.layers.{stage}.downsample.": f"visual_encoder.swin.layers.{stage + 1}.downsample."
        for stage in halved
    }
    return {"visual_encoder.": "visual_encoder.swin."} | moved
