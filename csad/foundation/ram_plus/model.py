"""RAM++ (arXiv:2310.15200): which of 4,585 tags name something in an image."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from csad.foundation.ram_plus.architecture import RamPlusArchitecture
from csad.foundation.ram_plus.reweighting import reweighted_labels
from csad.foundation.ram_plus.swin import SwinEncoder
from csad.foundation.ram_plus.tagging_head import TaggingHead

INITIAL_SCALE = math.log(1 / 0.07)
"""CLIP's temperature; the scale of files that do not carry one."""


class RamPlus(nn.Module):
    """Image to one logit per word; the tensors are those of the published weights, the encoder's under timm's names.

    Args:
        architecture: Its size.
    """

    def __init__(self, architecture: RamPlusArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        texts = architecture.tags * architecture.descriptions
        self.visual_encoder = SwinEncoder(architecture.encoder)
        self.image_proj = nn.Linear(architecture.encoder.channels, architecture.embedding)
        self.label_embed = nn.Parameter(torch.zeros(texts, architecture.embedding))
        self.reweight_scale = nn.Parameter(torch.tensor(INITIAL_SCALE, device="cpu"))
        self.wordvec_proj = nn.Linear(architecture.embedding, architecture.hidden)
        self.tagging_head = TaggingHead(
            architecture.hidden,
            architecture.intermediate,
            architecture.embedding,
            architecture.heads,
            architecture.layers,
        )
        self.fc = nn.Linear(architecture.hidden, 1)
        self.requires_grad_(False)
        self.eval()

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Score every word.

        Args:
            image: Normalised RGB, float32 (B, 3, S, S) with the encoder's S.

        Returns:
            Logits, float32 (B, K).
        """
        tokens = self.image_proj(self.visual_encoder(image))  # (B, 1 + N, 512)
        descriptions = self.label_embed.view(self.architecture.tags, self.architecture.descriptions, -1)
        labels = reweighted_labels(tokens[:, 0], descriptions, self.reweight_scale.exp())  # (B, K, 512)
        tags = self.tagging_head(self.wordvec_proj(labels).relu(), tokens)  # (B, K, hidden)
        logits: Tensor = self.fc(tags).squeeze(-1)
        return logits
