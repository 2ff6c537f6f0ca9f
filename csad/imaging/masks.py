"""Component masks, where they come from, and their file: one JSON per image with COCO run-lengths."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from csad.common.atomic import replacing
from csad.common.errors import StageError
from csad.common.hashing import json_sha256

VERSION = 1

WHOLE_PART = "whole part"
GROUNDING = "grounding"
OBJECTS = frozenset({WHOLE_PART, GROUNDING})
"""Sources of masks that show an object each, of which a normal product holds a fixed number."""


@dataclass(frozen=True, eq=False)
class ComponentMask:
    """One component of one image and its provenance.

    Attributes:
        mask: bool (h, w), at the working size of the image.
        source: Who proposed it: "whole part" or "colour region" (classical), "grounding", "automatic".
        score: The proposer's confidence, higher is better.
        phrase: Words that the mask was found with, if any.
        point: (x, y) in pixels of the whole image that prompted it, if any.
        box: (left, top, right, bottom) in pixels of the whole image that prompted it, if any.
        stability: How little the mask depends on the cut-off of its logits, 0..1, where that was measured.
    """

    mask: NDArray[np.bool_]
    source: str
    score: float
    phrase: str | None = None
    point: tuple[float, float] | None = None
    box: tuple[float, float, float, float] | None = None
    stability: float | None = None


class MaskProposer(Protocol):
    """Anything that finds component masks in an image."""

    name: str

    def propose(self, image: NDArray[np.uint8]) -> list[ComponentMask]:
        """Find the components of an image.

        Args:
            image: RGB, uint8 (H, W, 3).

        Returns:
            Masks of the image's size, in any order; empty where nothing is found.
        """
        ...


def stack_masks(masks: Sequence[ComponentMask], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Stack the masks of one image.

    Args:
        masks: Masks of the size `shape`.
        shape: (H, W), needed when there are none.

    Returns:
        bool (N, H, W).
    """
    stack = np.zeros((len(masks), *shape), dtype=bool)
    for layer, component in zip(stack, masks, strict=True):
        layer[:] = component.mask
    return stack


def save_masks(path: Path, masks: Sequence[ComponentMask]) -> None:
    """Write the masks of one image; a reader sees the whole file or the one before.

    Args:
        path: The JSON file; its folder is created.
        masks: May be empty.
    """
    records = [_record(component) for component in masks]
    content = {"format": "csad component masks", "version": VERSION, "sha256": json_sha256(records), "masks": records}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def load_masks(path: Path) -> list[ComponentMask]:
    """Read the masks of one image.

    Args:
        path: A file of `save_masks`.

    Raises:
        StageError: The file is missing, cut off, changed, or of another version.
    """
    remedy = "delete it and run the masks stage again"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, digest, records = content["version"], content["sha256"], content["masks"]
    except FileNotFoundError:
        raise StageError(f"mask file {path} does not exist; run the masks stage first") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StageError(f"mask file {path} is damaged ({type(error).__name__}: {error}); {remedy}") from error
    if version != VERSION:
        raise StageError(f"mask file {path} has version {version}, expected {VERSION}; {remedy}")
    # The run-length decoder is native code: nothing that was tampered with may reach it.
    if digest != json_sha256(records):
        raise StageError(f"mask file {path} does not match its own sha256; {remedy}")
    return [_component(record) for record in records]


def _record(component: ComponentMask) -> dict[str, Any]:
    run_length = coco.encode(np.asfortranarray(component.mask, dtype=np.uint8))
    record = {
        "segmentation": {"size": [int(side) for side in run_length["size"]], "counts": run_length["counts"].decode()},
        "source": component.source,
        "score": float(component.score),
        "phrase": component.phrase,
        "point": None if component.point is None else [float(value) for value in component.point],
    }
    if component.box is not None:
        record["box"] = [float(value) for value in component.box]
    if component.stability is not None:
        record["stability"] = float(component.stability)
    return record


def _component(record: dict[str, Any]) -> ComponentMask:
    run_length = record["segmentation"]
    mask = coco.decode({"size": run_length["size"], "counts": run_length["counts"].encode()}).astype(bool)
    point, box = record["point"], record.get("box")
    return ComponentMask(
        mask=np.ascontiguousarray(mask),
        source=record["source"],
        score=record["score"],
        phrase=record["phrase"],
        point=None if point is None else (point[0], point[1]),
        box=None if box is None else (box[0], box[1], box[2], box[3]),
        stability=record.get("stability"),
    )
