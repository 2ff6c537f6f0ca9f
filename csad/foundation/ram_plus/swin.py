"""The image encoder of RAM++: a Swin transformer (arXiv:2103.14030), with the names of the published weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from csad.foundation.ram_plus.architecture import SwinArchitecture
from csad.foundation.ram_plus.windows import merge, partition, relative_positions, shift_mask

MLP_RATIO = 4


class SwinEncoder(nn.Module):
    """Square image to tokens: their mean first, then one per patch of the last stage.

    Args:
        architecture: Its size.
    """

    def __init__(self, architecture: SwinArchitecture) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(architecture.patch, architecture.width)
        side, width = architecture.image // architecture.patch, architecture.width
        stages = []
        last = len(architecture.depths) - 1
        for index, (depth, heads) in enumerate(zip(architecture.depths, architecture.heads, strict=True)):
            stages.append(Stage(side, width, depth, heads, architecture.window, halve=index < last))
            if index < last:
                side, width = side // 2, 2 * width
        self.layers = nn.ModuleList(stages)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        """Encode images.

        Args:
            image: Normalised RGB, (B, 3, S, S) with the architecture's S.

        Returns:
            (B, 1 + N, C): the mean token, then N patches row by row.
        """
        grid = self.patch_embed(image)  # (B, S/4, S/4, width)
        for stage in self.layers:
            grid = stage(grid)
        tokens = self.norm(grid).flatten(1, 2)  # (B, N, C)
        return torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)


class PatchEmbedding(nn.Module):
    """Each patch of the image becomes one vector.

    Args:
        patch: Side of a patch, in pixels.
        width: Channels.
    """

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=patch, stride=patch)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, S/patch, S/patch, width)."""
        embedded: Tensor = self.norm(self.proj(image).permute(0, 2, 3, 1))
        return embedded


class Stage(nn.Module):
    """Blocks on one grid, every second one with shifted windows; then the grid is halved.

    Args:
        side: H and W of the grid.
        width: Channels.
        depth: Blocks.
        heads: Attention heads.
        window: Side of a window.
        halve: Whether another stage follows.
    """

    def __init__(self, side: int, width: int, depth: int, heads: int, window: int, halve: bool) -> None:
        super().__init__()
        window = min(side, window)
        shifts = [window // 2 if index % 2 and side > window else 0 for index in range(depth)]
        self.blocks = nn.ModuleList(Block(side, width, heads, window, shift) for shift in shifts)
        self.downsample = PatchMerging(width) if halve else None

    def forward(self, grid: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H/2, W/2, 2 C), or to the same shape in the last stage."""
        for block in self.blocks:
            grid = block(grid)
        return grid if self.downsample is None else self.downsample(grid)


class PatchMerging(nn.Module):
    """Four neighbours become one vector of twice the channels.

    Args:
        width: Channels before.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, grid: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H/2, W/2, 2 C)."""
        corners: Iterable[Tensor] = (grid[:, row::2, column::2] for column in (0, 1) for row in (0, 1))
        merged: Tensor = self.reduction(self.norm(torch.cat(list(corners), dim=-1)))
        return merged


class Block(nn.Module):
    """Attention inside windows, then a feed-forward layer, both added to what came in.

    Args:
        side: H and W of the grid.
        width: Channels.
        heads: Attention heads.
        window: Side of a window.
        shift: How far the grid is rolled before it is cut into windows; 0 for not at all.
    """

    attn_mask: Tensor | None

    def __init__(self, side: int, width: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.side, self.window, self.shift = side, window, shift
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = FeedForward(width)
        self.register_buffer("attn_mask", shift_mask(side, window, shift) if shift else None)

    def forward(self, grid: Tensor) -> Tensor:
        """(B, H, W, C) to the same shape."""
        grid = grid + self._attend(self.norm1(grid))
        result: Tensor = grid + self.mlp(self.norm2(grid))
        return result

    def _attend(self, grid: Tensor) -> Tensor:
        rolled = grid.roll((-self.shift, -self.shift), dims=(1, 2)) if self.shift else grid
        windows = self.attn(partition(rolled, self.window), self.attn_mask)
        merged = merge(windows, self.side)
        return merged.roll((self.shift, self.shift), dims=(1, 2)) if self.shift else merged


class WindowAttention(nn.Module):
    """Self-attention of the patches of a window, with a learned bias for each relative position.

    Args:
        width: Channels.
        heads: Attention heads, h.
        window: Side of a window, w.
    """

    relative_position_index: Tensor

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_positions(window))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """Attend.

        Args:
            windows: (B, windows, w * w, C).
            mask: Added to the attention, (windows, w * w, w * w); None adds nothing.

        Returns:
            The same shape as `windows`.
        """
        batch, count, patches, width = windows.shape
        split = self.qkv(windows).view(batch, count, patches, 3, self.heads, width // self.heads)
        query, key, value = split.permute(3, 0, 1, 4, 2, 5)  # each (B, windows, h, w * w, C / h)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)  # (h, w * w, w * w)
        if mask is not None:
            bias = bias + mask[:, None]  # (windows, h, w * w, w * w)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        result: Tensor = self.proj(attended.transpose(2, 3).reshape(batch, count, patches, width))
        return result


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them.

    Args:
        width: Channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, grid: Tensor) -> Tensor:
        """Same shape out as in."""
        result: Tensor = self.fc2(functional.gelu(self.fc1(grid)))
        return result
