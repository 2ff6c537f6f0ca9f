"""Whether a runtime may stand for torch: what it makes of good images is compared with what torch makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csad.scoring.fusion import Fusion
from csad.scoring.rendering import Rendered, Renderer
from csad.scoring.runtimes.comparison import (
    MAP_TOLERANCE,
    TOLERANCE,
    column_error,
    explained_alike,
    map_error,
    score_error,
)
from csad.scoring.runtimes.protocol import Runtime
from csad.scoring.runtimes.record import Parity

Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Computed:
    """What a runtime makes of N images.

    Attributes:
        fused: Scores, float64 (N,).
        columns: Raw scores, float64 (N,) each.
        rendered: Maps and explanations.
    """

    fused: Scores
    columns: Mapping[str, Scores]
    rendered: Sequence[Rendered]


@dataclass(frozen=True, eq=False)
class Reference:
    """What torch makes of N good images, and how a model decides and draws.

    Attributes:
        columns: Raw scores, float64 (N,) each.
        rendered: Maps and explanations.
        fusion: Scales and weights.
        threshold: Above it an image is rejected.
        renderer: Draws and explains.
    """

    columns: Mapping[str, Scores]
    rendered: Sequence[Rendered]
    fusion: Fusion
    threshold: float
    renderer: Renderer


def compute_all(runtime: Runtime, renderer: Renderer, batches: Iterable[NDArray[np.uint8]]) -> Computed:
    """Score, draw and explain all images of batches of canvases, uint8 (B, H, W, 3) each."""
    columns: dict[str, list[Scores]] = {}
    fused, rendered = [], []
    for batch in batches:
        found = runtime.run(batch)
        fused.append(found.fused)
        for name, values in found.columns.items():
            columns.setdefault(name, []).append(values)
        rendered += [renderer.render(found, index) for index in range(len(batch))]
    joined = {name: np.concatenate(values) for name, values in columns.items()}
    return Computed(np.concatenate(fused), joined, rendered)


def compare(runtime: Runtime, version: str, batches: Iterable[NDArray[np.uint8]], reference: Reference) -> Parity:
    """Compute good images and compare scores, decisions, maps and explanations.

    Args:
        runtime: Other than torch.
        version: Its version.
        batches: Canvases of the images, uint8 (B, H, W, 3) each.
        reference: What torch gave for them.
    """
    found = compute_all(runtime, reference.renderer, batches)
    right = reference.fusion.combine(reference.fusion.branch_scores(reference.columns))
    errors = score_error(found.fused, right), column_error(found.columns, reference.columns, reference.fusion)
    decisions = int(((found.fused > reference.threshold) != (right > reference.threshold)).sum())
    farthest, otherwise = seen_otherwise(found.rendered, reference.rendered, reference.renderer.normal_tail)
    reasons = []
    if not errors[0] <= TOLERANCE:
        reasons.append(f"scores differ by {errors[0]:.1e}")
    if not errors[1] <= TOLERANCE:
        reasons.append(f"raw scores differ by {errors[1]:.1e}")
    if decisions:
        reasons.append(f"{decisions} of {len(right)} images are decided otherwise")
    reasons += seen_reasons(farthest, otherwise, len(right))
    return Parity(
        version=version,
        images=len(right),
        score_error=errors[0],
        column_error=errors[1],
        map_error=farthest,
        decisions=decisions,
        explanations=otherwise,
        accepted=not reasons,
        reason="; ".join(reasons),
    )


def seen_otherwise(found: Sequence[Rendered], expected: Sequence[Rendered], normal_tail: float) -> tuple[float, int]:
    """Largest error of a map (see `map_error`), and how many images are explained otherwise."""
    pairs = list(zip(found, expected, strict=True))
    farthest = max(map_error(one.map, right.map, normal_tail) for one, right in pairs)
    return farthest, sum(not explained_alike(one.explanations, right.explanations) for one, right in pairs)


def seen_reasons(farthest: float, otherwise: int, images: int) -> list[str]:
    """Why what is seen of images refuses a runtime; empty where it does not."""
    reasons = []
    if not farthest <= MAP_TOLERANCE:
        reasons.append(f"maps differ by {farthest:.2g} of what normal images reach ({MAP_TOLERANCE:g} is allowed)")
    if otherwise:
        reasons.append(f"{otherwise} of {images} images are explained otherwise")
    return reasons
