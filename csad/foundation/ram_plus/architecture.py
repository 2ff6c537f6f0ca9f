"""The sizes of RAM++ (arXiv:2310.15200; Swin: arXiv:2103.14030)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SwinArchitecture:
    """A Swin encoder; the defaults are Swin-L at 384 pixels.

    Attributes:
        image: Side of the square input, in pixels.
        patch: Side of a patch, the stride of the first stage.
        window: Side of an attention window, in patches.
        width: Channels of the first stage; every further stage doubles them and halves the grid.
        depths: Blocks per stage.
        heads: Attention heads per stage.
    """

    image: int = 384
    patch: int = 4
    window: int = 12
    width: int = 192
    depths: tuple[int, ...] = (2, 2, 18, 2)
    heads: tuple[int, ...] = (6, 12, 24, 48)

    @property
    def channels(self) -> int:
        """Channels of the last stage."""
        return self.width << (len(self.depths) - 1)


@dataclass(frozen=True)
class RamPlusArchitecture:
    """RAM++; the defaults are those of `ram_plus_swin_large_14m`.

    Attributes:
        encoder: The image encoder.
        embedding: Channels that image tokens and tag descriptions share (CLIP's).
        tags: Tags of the vocabulary, K.
        descriptions: Texts per word, D.
        hidden: Channels of the tagging head.
        intermediate: Channels inside its feed-forward layers.
        layers: Its layers.
        heads: Its attention heads.
    """

    encoder: SwinArchitecture = field(default_factory=SwinArchitecture)
    embedding: int = 512
    tags: int = 4585
    descriptions: int = 51
    hidden: int = 768
    intermediate: int = 3072
    layers: int = 2
    heads: int = 4
