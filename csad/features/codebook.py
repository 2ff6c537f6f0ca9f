"""Bag of visual words over the teacher's features, a cheap second opinion beside the components (ours; paper 3.3, 3.4).

After Sivic and Zisserman (doi:10.1109/ICCV.2003.1238663): the codebook holds the centres of k-means, and an image is
the histogram of its words, scored as the component histogram is (Eq. 4). Ours: the assignment is soft.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

MAXIMUM_PATCHES = 60_000
TEMPERATURE = 0.1
"""Temperature of the soft assignment, relative to the mean squared distance to the nearest visual word."""


@dataclass(frozen=True)
class Codebook:
    """Cluster centres of standardised teacher features.

    Attributes:
        centres: float32 (K, C).
        temperature: Squared distance at which the assignment to a centre falls by e.
    """

    centres: Tensor
    temperature: float

    def assign(self, features: Tensor) -> Tensor:
        """Soft assignment of each place to the visual words, with an empty background class first.

        Args:
            features: Teacher features, float32 (B, C, h, w).

        Returns:
            float32 (B, K + 1, h, w), summing to 1 over the visual words.
        """
        products = torch.einsum("bchw,kc->bkhw", features, self.centres)
        closeness = 2 * products - self.centres.square().sum(dim=1)[:, None, None]
        assignments = torch.softmax(closeness / self.temperature, dim=1)
        return torch.cat([torch.zeros_like(assignments[:, :1]), assignments], dim=1)

    def to(self, device: torch.device | str) -> Codebook:
        """Move to a device."""
        return Codebook(self.centres.to(device), self.temperature)

    def tensors(self) -> dict[str, Tensor]:
        """Flat tensors for the model folder."""
        return {"words": self.centres.contiguous(), "temperature": torch.tensor([self.temperature])}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Codebook:
        """Rebuild what `tensors` stored."""
        return cls(tensors["words"], float(tensors["temperature"][0]))


def fit_codebook(batches: Iterable[Tensor], images: int, size: int, seed: int) -> Codebook:
    """Cluster patches drawn evenly from all normal images (mini-batch k-means).

    Args:
        batches: Teacher features of normal images, float32 (B, C, h, w) each.
        images: How many images the batches hold altogether.
        size: Visual words to find, K.
        seed: Random seed for sampling and clustering.
    """
    from sklearn.cluster import MiniBatchKMeans  # a second to import, and only fitting needs it

    generator = torch.Generator().manual_seed(seed)
    per_image = max(1, MAXIMUM_PATCHES // max(1, images))
    drawn = []
    for batch in batches:
        for image in batch.flatten(2).transpose(1, 2):
            drawn.append(image[torch.randperm(len(image), generator=generator)[:per_image]].cpu())
    patches = torch.cat(drawn)
    clusters = min(size, len(patches))
    means = MiniBatchKMeans(clusters, random_state=seed, n_init=3, batch_size=4096).fit(patches.numpy())
    distance = -float(means.score(patches.numpy())) / len(patches)
    return Codebook(torch.from_numpy(means.cluster_centers_).float(), max(1e-6, TEMPERATURE * distance))
