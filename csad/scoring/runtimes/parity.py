"""Whether a runtime may stand for torch: its scores of good images are compared with those of torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from csad.scoring.fusion import Fusion
from csad.scoring.runtimes.comparison import TOLERANCE, column_error, score_error
from csad.scoring.runtimes.protocol import Runtime
from csad.scoring.runtimes.record import Parity

Scores = NDArray[np.float64]


def compare(
    runtime: Runtime,
    version: str,
    batches: Iterable[NDArray[np.uint8]],
    expected: Mapping[str, Scores],
    fusion: Fusion,
    threshold: float,
) -> Parity:
    """Score good images and compare.

    Args:
        runtime: Other than torch.
        version: Its version.
        batches: Canvases of the images, uint8 (B, H, W, 3) each.
        expected: Raw scores that torch gave them, float64 (N,) each.
        fusion: Scales and weights.
        threshold: Above it an image is rejected.
    """
    found = [runtime.run(batch) for batch in batches]
    columns = {name: np.concatenate([one.columns[name] for one in found]) for name in found[0].columns}
    fused = np.concatenate([one.fused for one in found])
    right = fusion.combine(fusion.branch_scores(expected))
    errors = score_error(fused, right), column_error(columns, expected, fusion)
    decisions = int(((fused > threshold) != (right > threshold)).sum())
    reasons = []
    if not errors[0] <= TOLERANCE:
        reasons.append(f"scores differ by {errors[0]:.1e}")
    if not errors[1] <= TOLERANCE:
        reasons.append(f"raw scores differ by {errors[1]:.1e}")
    if decisions:
        reasons.append(f"{decisions} of {len(right)} images are decided otherwise")
    return Parity(
        version=version,
        images=len(right),
        score_error=errors[0],
        column_error=errors[1],
        decisions=decisions,
        accepted=not reasons,
        reason="; ".join(reasons),
    )
