"""Which of a tag's texts fits the image: multi-grained label re-weighting (RAM++, arXiv:2310.15200, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def reweighted_labels(image: Tensor, descriptions: Tensor, scale: Tensor) -> Tensor:
    """Average the descriptions of every tag, those nearest to the image most.

    Args:
        image: Mean token of each image, (B, C).
        descriptions: CLIP embeddings of the texts of every tag, (K, D, C).
        scale: Factor on the cosine-like similarity, a scalar.

    Returns:
        One embedding per image and tag, (B, K, C).
    """
    direction = functional.normalize(image, dim=-1, eps=0.0)
    similarity = torch.einsum("bc,kdc->bkd", scale * direction, descriptions)
    return torch.einsum("bkd,kdc->bkc", similarity.softmax(dim=2), descriptions)
