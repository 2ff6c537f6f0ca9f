"""SAM-HQ above its network: an image is encoded once, any number of prompts share the encoding.

After the predictor of Segment Anything (arXiv:2304.02643) and HQ-SAM (arXiv:2306.01567), for paper 3.1; the network
itself is the package segment-anything-hq's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

PROMPTS_PER_BATCH = 64
"""Same as the authors': about 2 GB in the mask decoder of single precision."""

MASK_MEMORY = 2**28
"""Bytes of full-size logits at a time."""


class SamModel(Protocol):
    """What is used of `segment_anything_hq.modeling.Sam`."""

    image_encoder: Any
    prompt_encoder: Any
    mask_decoder: Any
    mask_threshold: float

    def preprocess(self, x: Tensor) -> Tensor:
        """Normalise (1, 3, h, w) in 0..255 and pad it at the right and the bottom to the encoder's square."""
        ...


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """What prompts of one image, or of one crop, share.

    Attributes:
        features: Image embedding, (1, 256, s, s); s = 64 in the published networks.
        early: Features of the encoder's global-attention blocks, each (1, s, s, C): the HQ decoder's detail.
        size: (H, W) of the image.
        scaled: (h, w) to which it was scaled, its long side the encoder's.
    """

    features: Tensor
    early: list[Tensor]
    size: tuple[int, int]
    scaled: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Predictions:
    """One mask per prompt.

    Attributes:
        start: Index of the first prompt among all that were asked.
        logits: (n, 4 s, 4 s), above the threshold inside the mask.
        scores: Predicted intersection over union, (n,).
    """

    start: int
    logits: Tensor
    scores: Tensor

    def select(self, kept: Tensor) -> Predictions:
        """The predictions at which a bool (n,) is true; `start` loses its meaning."""
        return Predictions(self.start, self.logits[kept], self.scores[kept])


class SamHq:
    """Encodes images and answers prompts.

    Args:
        model: SAM-HQ, in evaluation mode, on its device.
        prompts_per_batch: Prompts that the mask decoder sees at once.
        mask_memory: Bytes of full-size logits at a time; at least one mask is always drawn.
        precision: Arithmetic of the network; None is half precision on a GPU, single precision elsewhere.

    Attributes:
        encodings: Images and crops encoded so far.
        prompts: Prompts answered so far.
    """

    def __init__(
        self,
        model: SamModel,
        prompts_per_batch: int = PROMPTS_PER_BATCH,
        mask_memory: int = MASK_MEMORY,
        precision: torch.dtype | None = None,
    ) -> None:
        self.encodings = 0
        self.prompts = 0
        self._model = model
        self._batch = prompts_per_batch
        self._mask_memory = mask_memory
        self._side: int = model.image_encoder.img_size
        parameter: Tensor = next(model.image_encoder.parameters())
        self._device = parameter.device
        self._precision = precision or (torch.float16 if self._device.type == "cuda" else torch.float32)

    @property
    def threshold(self) -> float:
        """Logit above which a pixel belongs to a mask."""
        return self._model.mask_threshold

    @torch.inference_mode()
    def encode(self, image: NDArray[np.uint8]) -> EncodedImage:
        """Encode an image, RGB uint8 (H, W, 3)."""
        height, width = image.shape[:2]
        scale = self._side / max(height, width)
        scaled = (max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5)))
        resized = Image.fromarray(image).resize((scaled[1], scaled[0]), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(resized)).to(self._device).permute(2, 0, 1)[None].float()
        with self._arithmetic():
            features, early = self._model.image_encoder(self._model.preprocess(pixels))
        self.encodings += 1
        return EncodedImage(features, early, (height, width), scaled)

    def prompt_points(
        self, encoded: EncodedImage, points: NDArray[np.floating], ambiguous: bool
    ) -> Iterator[Predictions]:
        """Ask for the object at each set of points.

        Args:
            encoded: The image.
            points: All on the object, (N, P, 2), x and y in pixels of the image.
            ambiguous: Take the best of three masks (part, object, whole) rather than the one for clear prompts.

        Yields:
            Predictions of a batch of prompts after the other.
        """
        scaled = torch.as_tensor(points * self._per_pixel(encoded), dtype=torch.float32, device=self._device)
        labels = torch.ones(scaled.shape[:2], dtype=torch.int, device=self._device)
        for start in range(0, len(scaled), self._batch):
            part = slice(start, start + self._batch)
            yield self._predict(encoded, start, (scaled[part], labels[part]), None, ambiguous)

    def prompt_boxes(self, encoded: EncodedImage, boxes: NDArray[np.floating]) -> Iterator[Predictions]:
        """Ask for the object in each box.

        Args:
            encoded: The image.
            boxes: (N, 4), left, top, right, bottom in pixels of the image.

        Yields:
            Predictions of a batch of prompts after the other.
        """
        corners = boxes.reshape(-1, 2, 2) * self._per_pixel(encoded)
        scaled = torch.as_tensor(corners.reshape(-1, 4), dtype=torch.float32, device=self._device)
        for start in range(0, len(scaled), self._batch):
            yield self._predict(encoded, start, None, scaled[start : start + self._batch], ambiguous=False)

    @torch.inference_mode()
    def draw(self, encoded: EncodedImage, logits: Tensor) -> Iterator[Tensor]:
        """Bring logits to the size of the image.

        Args:
            encoded: The image.
            logits: (n, 4 s, 4 s).

        Yields:
            float32 (m, H, W), as many at a time as the memory allows, in their order.
        """
        at_once = max(1, self._mask_memory // (4 * max(self._side**2, encoded.size[0] * encoded.size[1])))
        for start in range(0, len(logits), at_once):
            part = logits[start : start + at_once, None]
            square = functional.interpolate(part, (self._side, self._side), mode="bilinear")
            inside = square[..., : encoded.scaled[0], : encoded.scaled[1]]
            yield functional.interpolate(inside, encoded.size, mode="bilinear")[:, 0]

    @torch.inference_mode()
    def _predict(
        self,
        encoded: EncodedImage,
        start: int,
        points: tuple[Tensor, Tensor] | None,
        boxes: Tensor | None,
        ambiguous: bool,
    ) -> Predictions:
        with self._arithmetic():
            sparse, dense = self._model.prompt_encoder(points=points, boxes=boxes, masks=None)
            logits, scores = self._model.mask_decoder(
                image_embeddings=encoded.features,  # (1, 256, s, s)
                image_pe=self._model.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,  # (n, tokens, 256)
                dense_prompt_embeddings=dense,  # (n, 256, s, s)
                multimask_output=ambiguous,
                hq_token_only=False,
                interm_embeddings=encoded.early,
            )  # (n, 1, 4 s, 4 s), (n, 1)
        self.prompts += len(scores)
        return Predictions(start, logits[:, 0].float(), scores[:, 0].float())

    def _per_pixel(self, encoded: EncodedImage) -> NDArray[np.float64]:
        """Pixels of the scaled image per pixel of the image, (x, y)."""
        return np.array([encoded.scaled[1] / encoded.size[1], encoded.scaled[0] / encoded.size[0]])

    def _arithmetic(self) -> AbstractContextManager[object]:
        if self._precision == torch.float32:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=self._precision)
