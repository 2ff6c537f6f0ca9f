"""Branches of a model that have stopped telling anything: reported, for the other branches may carry the model."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from csad.evaluation.figures import ImageRecord
from csad.gate.checks import kinds_of
from csad.images.records import GOOD
from csad.metrics.auroc import auroc, auroc_interval
from csad.scoring.fusion import LEAST_WEIGHT

NO_SPREAD = 1e-6
"""Spread of a branch's scores, relative to their size, below which they are all the same."""

CHANCE = 0.5


def find_collapsed(
    challenger: Sequence[ImageRecord], champion: Sequence[ImageRecord] | None, weights: Mapping[str, float]
) -> Iterator[str]:
    """Name the branches that have collapsed, one sentence each.

    Args:
        challenger: The images, scored by the new model.
        champion: The same by the one in service.
        weights: Weight of each branch of the new model in its score.
    """
    for branch, weight in weights.items():
        if any(branch not in record.branches for record in challenger):
            continue
        values = np.array([record.branches[branch] for record in challenger])
        if np.ptp(values) <= NO_SPREAD * max(1.0, float(np.abs(values).max())):
            yield f"branch {branch} has collapsed: it gives every image the score {values[0]:.3g}"
        elif not _tells_anything(challenger, branch):
            yield f"branch {branch} may have collapsed: no kind has a detection AUROC significantly above 0.5"
        elif weight <= LEAST_WEIGHT:
            yield f"branch {branch} has a fusion weight of only {weight:.2f}: training found it without any signal"
    for branch in sorted(_branches(champion or ()) - _branches(challenger)):
        yield f"branch {branch} of the champion is missing in the new model"


def _tells_anything(records: Sequence[ImageRecord], branch: str) -> bool:
    kinds = kinds_of(records)
    good = np.array([record.branches[branch] for record in records if record.kind == GOOD])
    for kind in kinds:
        anomalous = np.array([record.branches[branch] for record in records if record.kind == kind])
        low, _ = auroc_interval(auroc(good, anomalous), len(good), len(anomalous))
        if low > CHANCE:
            return True
    return not kinds


def _branches(records: Sequence[ImageRecord]) -> set[str]:
    return set(records[0].branches) if records else set()
