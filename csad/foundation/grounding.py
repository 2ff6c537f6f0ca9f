"""Boxes of the things that prompts name: Grounding DINO (arXiv:2303.05499; paper 3.1) through groundingdino-py.

The image is scaled as the authors do it (short side 800, long side at most 1333, ImageNet normalisation), the prompts
are lower-cased and joined by " . ". More prompts than the network's 256 tokens hold are asked in several passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torchvision.ops import nms
from torchvision.transforms.v2.functional import normalize

from csad.common.errors import StageError
from csad.config.settings import FoundationSettings

SHORT_SIDE = 800
LONG_SIDE = 1333
SEPARATOR = " . "


class GroundingModel(Protocol):
    """What is used of `groundingdino.models.GroundingDINO`."""

    tokenizer: Any
    max_text_len: int

    def __call__(self, samples: Tensor, *, captions: list[str]) -> dict[str, Tensor]:
        """Compare every query with every token of the caption.

        Args:
            samples: (1, 3, h, w), normalised.
            captions: One prompt.

        Returns:
            pred_logits (1, queries, 256), minus infinity beyond the prompt; pred_boxes (1, queries, 4): centre and size
            as fractions of width and height.
        """
        ...


@dataclass(frozen=True)
class Detection:
    """A thing that the prompts name.

    Attributes:
        box: Left, top, right, bottom in pixels of the image.
        phrase: The words of the prompt that it answers to; empty where none reaches the threshold.
        score: Score of the best token, 0..1.
    """

    box: tuple[float, float, float, float]
    phrase: str
    score: float


class Grounding:
    """Finds things by their names.

    Args:
        model: Grounding DINO, in evaluation mode, on its device.
        device: The model's.
        settings: Thresholds.
        short_side: To which images are scaled; tests take a smaller one.
        long_side: That scaled images may not exceed.

    Attributes:
        passes: Times that the network ran.
    """

    def __init__(
        self,
        model: GroundingModel,
        device: torch.device,
        settings: FoundationSettings,
        short_side: int = SHORT_SIDE,
        long_side: int = LONG_SIDE,
    ) -> None:
        self.passes = 0
        self._model = model
        self._device = device
        self._settings = settings
        self._sides = (short_side, long_side)

    def detect(self, image: NDArray[np.uint8], names: Sequence[str]) -> list[Detection]:
        """Find what the prompts name.

        Args:
            image: RGB, uint8 (H, W, 3).
            names: Names of the parts.

        Returns:
            The best first; of boxes that overlap, whatever they were found with, only the best.

        Raises:
            StageError: A name alone is longer than the network can read.
        """
        pixels = self._prepare(image)
        found = [detection for prompt in self.prompts(names) for detection in self._ask(pixels, prompt, image.shape)]
        if not found:
            return []
        boxes = torch.tensor([detection.box for detection in found])
        scores = torch.tensor([detection.score for detection in found])
        return [found[index] for index in nms(boxes, scores, self._settings.box_overlap).tolist()]

    def prompts(self, names: Sequence[str]) -> list[str]:
        """Join names into as few prompts as the network can read.

        Args:
            names: Names of the parts.

        Raises:
            StageError: A name alone is longer than that.
        """
        prompts: list[list[str]] = []
        for name in dict.fromkeys(" ".join(name.lower().replace(".", " ").split()) for name in names):
            if not name:
                continue
            if self._tokens([name]) > self._model.max_text_len:
                raise StageError(
                    f"the prompt {name[:40]!r} has {self._tokens([name])} tokens, expected at most "
                    f"{self._model.max_text_len}; shorten it in tags.prompts"
                )
            if prompts and self._tokens([*prompts[-1], name]) <= self._model.max_text_len:
                prompts[-1].append(name)
            else:
                prompts.append([name])
        return [_prompt(group) for group in prompts]

    def _tokens(self, names: list[str]) -> int:
        return len(self._model.tokenizer(_prompt(names))["input_ids"])

    def _prepare(self, image: NDArray[np.uint8]) -> Tensor:
        """Scale and normalise, (1, 3, h, w)."""
        height, width = scaled_size(image.shape[0], image.shape[1], *self._sides)
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(resized)).to(self._device).permute(2, 0, 1)[None].float() / 255
        scaled: Tensor = normalize(pixels, list(IMAGENET_DEFAULT_MEAN), list(IMAGENET_DEFAULT_STD))
        return scaled

    @torch.inference_mode()
    def _ask(self, pixels: Tensor, prompt: str, shape: tuple[int, ...]) -> list[Detection]:
        output = self._model(pixels, captions=[prompt])
        self.passes += 1
        scores = output["pred_logits"][0].float().sigmoid().cpu()  # (queries, 256)
        best = scores.amax(dim=1)
        good = best > self._settings.box_threshold
        corners = _corners(output["pred_boxes"][0].float().cpu()[good], shape[0], shape[1])  # (n, 4)
        phrases = self._phrases(scores[good], prompt)
        return [
            Detection((left, top, right, bottom), phrase, score)
            for (left, top, right, bottom), phrase, score in zip(
                corners.tolist(), phrases, best[good].tolist(), strict=True
            )
            if right - left >= 1 and bottom - top >= 1
        ]

    def _phrases(self, scores: Tensor, prompt: str) -> list[str]:
        """Name the words of the prompt whose tokens each row of scores (n, 256) answers to."""
        tokenizer = self._model.tokenizer
        tokens = tokenizer(prompt)["input_ids"]
        silent = {tokenizer.cls_token_id, tokenizer.sep_token_id, *tokenizer.convert_tokens_to_ids([".", "?"])}
        speaking = torch.tensor([token not in silent for token in tokens])
        likely = (scores[:, : len(tokens)] > self._settings.text_threshold) & speaking
        return [tokenizer.decode([token for token, said in zip(tokens, row, strict=True) if said]) for row in likely]


def scaled_size(height: int, width: int, short_side: int, long_side: int) -> tuple[int, int]:
    """Size (h, w) to which the authors scale an image: by its short side, unless the long side gets too long."""
    short, long = min(height, width), max(height, width)
    side = short_side
    if long / short * side > long_side:
        side = max(1, round(long_side * short / long))
    other = int(side * long / short)
    return (side, other) if height <= width else (other, side)


def _prompt(names: Sequence[str]) -> str:
    return SEPARATOR.join(names) + " ."


def _corners(boxes: Tensor, height: int, width: int) -> Tensor:
    """Boxes (n, 4) of centre and size, in fractions, as left, top, right, bottom in pixels, within the image."""
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    size = torch.tensor([width, height], dtype=boxes.dtype)
    low, high = (centre - half).clamp(0, 1) * size, (centre + half).clamp(0, 1) * size
    return torch.cat([low, high], dim=1)
