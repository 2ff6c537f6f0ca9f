"""The tagging head of RAM++: each tag attends to the image's tokens.

BERT (arXiv:1810.04805) without self-attention, as in Query2Label (arXiv:2107.10834).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-12
"""Epsilon of BERT's layer norms."""


class TaggingHead(nn.Module):
    """Layers of cross-attention from tags to image tokens.

    Args:
        hidden: Channels of the tags.
        intermediate: Channels inside the feed-forward layers.
        tokens: Channels of the image tokens.
        heads: Attention heads.
        layers: Layers.
    """

    def __init__(self, hidden: int, intermediate: int, tokens: int, heads: int, layers: int) -> None:
        super().__init__()
        blocks = [TaggingLayer(hidden, intermediate, tokens, heads) for _ in range(layers)]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(blocks)})
        self._blocks = blocks

    def forward(self, tags: Tensor, tokens: Tensor) -> Tensor:
        """Look at the image.

        Args:
            tags: (B, K, hidden).
            tokens: (B, N, tokens).

        Returns:
            (B, K, hidden).
        """
        for block in self._blocks:
            tags = block(tags, tokens)
        return tags


class TaggingLayer(nn.Module):
    """Cross-attention, then a feed-forward layer, each added to what came in and normalised.

    Args:
        hidden: Channels of the tags.
        intermediate: Channels inside the feed-forward layer.
        tokens: Channels of the image tokens.
        heads: Attention heads.
    """

    def __init__(self, hidden: int, intermediate: int, tokens: int, heads: int) -> None:
        super().__init__()
        attention = CrossAttention(hidden, tokens, heads)
        self.crossattention = nn.ModuleDict({"self": attention, "output": AddAndNormalise(hidden, hidden)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(hidden, intermediate)})
        self.output = AddAndNormalise(intermediate, hidden)

    def forward(self, tags: Tensor, tokens: Tensor) -> Tensor:
        """(B, K, hidden) and (B, N, tokens) to (B, K, hidden)."""
        seen = self.crossattention["self"](tags, tokens)
        tags = self.crossattention["output"](seen, tags)
        widened = functional.gelu(self.intermediate["dense"](tags))
        result: Tensor = self.output(widened, tags)
        return result


class CrossAttention(nn.Module):
    """Tags ask, image tokens answer.

    Args:
        hidden: Channels of the tags.
        tokens: Channels of the image tokens.
        heads: Attention heads, h.
    """

    def __init__(self, hidden: int, tokens: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(tokens, hidden)
        self.value = nn.Linear(tokens, hidden)

    def forward(self, tags: Tensor, tokens: Tensor) -> Tensor:
        """(B, K, hidden) and (B, N, tokens) to (B, K, hidden)."""
        query, key, value = (
            self._split(self.query(tags)),
            self._split(self.key(tokens)),
            self._split(self.value(tokens)),
        )
        attended = functional.scaled_dot_product_attention(query, key, value)  # (B, h, K, hidden / h)
        return attended.transpose(1, 2).flatten(2)

    def _split(self, vectors: Tensor) -> Tensor:
        """(B, L, hidden) to (B, h, L, hidden / h)."""
        return vectors.view(*vectors.shape[:2], self.heads, -1).transpose(1, 2)


class AddAndNormalise(nn.Module):
    """A linear layer whose result is added to what came before, then normalised.

    Args:
        channels: Channels in.
        hidden: Channels out.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(channels, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=EPSILON)

    def forward(self, vectors: Tensor, before: Tensor) -> Tensor:
        """(B, K, channels) and (B, K, hidden) to (B, K, hidden)."""
        result: Tensor = self.LayerNorm(self.dense(vectors) + before)
        return result
