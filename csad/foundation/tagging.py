"""Naming what an image shows, with RAM++ (paper 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from csad.common.errors import WeightsError
from csad.config.line import ProductLine
from csad.config.weights_address import weights_path
from csad.foundation.building import foundation_device, model_file, weights_folder
from csad.foundation.published_names import TAGGER_FILE
from csad.foundation.ram_plus.architecture import RamPlusArchitecture
from csad.foundation.ram_plus.loading import load_ram_plus
from csad.foundation.ram_plus.model import RamPlus
from csad.foundation.ram_plus.preprocessing import prepare
from csad.foundation.ram_plus.vocabulary import Vocabulary, published_vocabulary
from csad.weights.checkpoints import require_file

PUBLISHED = RamPlusArchitecture()


@dataclass(frozen=True)
class FoundTag:
    """A tag that names something in an image.

    Attributes:
        name: Name as the vocabulary spells it.
        probability: How sure the model is, 0..1.
        threshold: What it had to exceed.
    """

    name: str
    probability: float
    threshold: float


@dataclass(frozen=True)
class MergedTag:
    """A tag that names something in some of several images.

    Attributes:
        tag: The surest of them.
        images: Those images, by position.
    """

    tag: FoundTag
    images: tuple[int, ...]


class Tagger:
    """Names what images show.

    Args:
        model: RAM++.
        vocabulary: What its outputs mean.
        sha256: Digest of its weights, for the record.

    Raises:
        WeightsError: The model has another number of outputs than the vocabulary has tags.
    """

    def __init__(self, model: RamPlus, vocabulary: Vocabulary, sha256: str) -> None:
        if model.architecture.tags != len(vocabulary.tags):
            raise WeightsError(
                f"the tagging model knows {model.architecture.tags} tags, its vocabulary has "
                f"{len(vocabulary.tags)}; use the weights of this vocabulary"
            )
        self.sha256 = sha256
        self._model = model
        self._vocabulary = vocabulary
        self._device = model.fc.weight.device

    def tag(self, pixels: NDArray[np.uint8]) -> list[FoundTag]:
        """Name what one image shows.

        Args:
            pixels: RGB, uint8 (H, W, 3), of any size.

        Returns:
            In the order of the vocabulary; empty where the model is sure of nothing.
        """
        image = prepare(pixels, self._model.architecture.encoder.image).to(self._device)
        probabilities = self._model(image).sigmoid()[0].cpu()  # (K,)
        above = probabilities > torch.tensor(self._vocabulary.thresholds)
        return [
            FoundTag(self._vocabulary.tags[index], float(probabilities[index]), self._vocabulary.thresholds[index])
            for index in above.nonzero().flatten().tolist()
        ]


def build_tagger(line: ProductLine) -> Tagger:
    """Load RAM++ for a product line.

    Args:
        line: Product line; `line.tags.weights` names the file, else it lies with the other foundation models.

    Raises:
        WeightsError: The file is missing, damaged, or of another network.
    """
    model, digest = load_ram_plus(tagger_file(line), PUBLISHED, foundation_device())
    return Tagger(model, published_vocabulary(), digest)


def tagger_file(line: ProductLine) -> Path:
    """The weights of RAM++ for a product line: those that it names, else those beside the other foundation models.

    Raises:
        WeightsError: The file is missing.
    """
    if line.tags.weights:
        return require_file(weights_path(line.tags.weights))
    return model_file(weights_folder(line.pseudo_labels.foundation), TAGGER_FILE)


def merge_tags(tags_of_images: Sequence[Sequence[FoundTag]]) -> list[MergedTag]:
    """Unite the tags of several images: those of most images first, then the surest.

    Args:
        tags_of_images: What was found in each image.
    """
    best: dict[str, FoundTag] = {}
    images: dict[str, list[int]] = {}
    for position, tags in enumerate(tags_of_images):
        for tag in tags:
            images.setdefault(tag.name, []).append(position)
            best[tag.name] = max(best.get(tag.name, tag), tag, key=lambda known: known.probability)
    order = sorted(best, key=lambda name: (-len(images[name]), -best[name].probability, name))
    return [MergedTag(best[name], tuple(images[name])) for name in order]
