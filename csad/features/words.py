"""Visual words: a histogram of typical feature vectors, the cheap second opinion beside the components (METHOD 9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

MAXIMUM_PATCHES = 60_000
TEMPERATURE = 0.1
"""Of the mean squared distance to the nearest word: how soft the assignment is."""


@dataclass(frozen=True)
class Vocabulary:
    """Cluster centres of standardised teacher features.

    Attributes:
        words: float32 (K, C).
        temperature: Squared distance at which a word's share falls by e.
    """

    words: Tensor
    temperature: float

    def assign(self, features: Tensor) -> Tensor:
        """Share of each word at each place, with an empty background class first.

        Args:
            features: Teacher features, float32 (B, C, h, w).

        Returns:
            float32 (B, K + 1, h, w), summing to 1 over the words.
        """
        products = torch.einsum("bchw,kc->bkhw", features, self.words)
        closeness = 2 * products - self.words.square().sum(dim=1)[:, None, None]
        shares = torch.softmax(closeness / self.temperature, dim=1)
        return torch.cat([torch.zeros_like(shares[:, :1]), shares], dim=1)

    def to(self, device: torch.device | str) -> Vocabulary:
        """Move to a device."""
        return Vocabulary(self.words.to(device), self.temperature)

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder."""
        return {"words": self.words.contiguous(), "temperature": torch.tensor([self.temperature])}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Vocabulary:
        """Rebuild what `tensors` stored."""
        return cls(tensors["words"], float(tensors["temperature"][0]))


def fit_vocabulary(batches: Iterable[Tensor], images: int, words: int, seed: int) -> Vocabulary:
    """Cluster patches drawn evenly from all normal images (mini-batch k-means).

    Args:
        batches: Teacher features of normal images, float32 (B, C, h, w) each.
        images: How many images the batches hold altogether.
        words: Words to find, K.
        seed: Of the draw and the clustering.
    """
    from sklearn.cluster import MiniBatchKMeans  # a second to import, and only fitting needs it

    generator = torch.Generator().manual_seed(seed)
    per_image = max(1, MAXIMUM_PATCHES // max(1, images))
    drawn = []
    for batch in batches:
        for image in batch.flatten(2).transpose(1, 2):
            drawn.append(image[torch.randperm(len(image), generator=generator)[:per_image]].cpu())
    patches = torch.cat(drawn)
    clusters = min(words, len(patches))
    means = MiniBatchKMeans(clusters, random_state=seed, n_init=3, batch_size=4096).fit(patches.numpy())
    distance = -float(means.score(patches.numpy())) / len(patches)
    return Vocabulary(torch.from_numpy(means.cluster_centers_).float(), max(1e-6, TEMPERATURE * distance))
