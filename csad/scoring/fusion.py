"""One score from many branches, calibrated on normal images alone (paper 3.5).

The paper normalises each score s by the trimmed mean and deviation of normal validation scores, z = (s - mean) /
deviation (`fit_scale`), sums the patch sizes of the histogram and normalises again, and adds the scores of both
branches (`weighting: equal`). Ours weights the branches by their AUROC on synthetic anomalies (`weighting:
synthetic_auroc`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from csad.common.errors import ModelFolderError, StageError
from csad.metrics.tail import fit_tail

TRIM = (0.2, 0.8)
"""Quantiles between which mean and deviation are taken (paper)."""

RELATIVE_FLOOR = 1e-3
"""A deviation below this fraction of the mean counts as that: identical images must not give infinite scores."""

FEW_IMAGES = 5
DEFAULT_RELATIVE_DEVIATION = 0.2
"""Fraction of the mean: as far as distances and maxima of maps spread on most lines, where too few images show it."""

LEAST_BRANCH_DEVIATION = 0.1
"""The columns that a branch sums spread by 1 each, so a sum that hardly spreads does so by chance."""

LEAST_WEIGHT = 0.05
"""A branch that tells nothing apart keeps this much: synthetic anomalies do not show everything."""

INSIDE_SLOPE = 0.01
"""Weight of the plain sum, which orders images that every branch finds normal."""

FORMAT_1_MEMBERS = {
    "histogram": ("components", "words"),
    "lgst": ("global", "local", "neighbourhood", "detail", "students"),
}
"""Groups of the models that do not name theirs."""

logger = logging.getLogger(__name__)

Columns = Mapping[str, NDArray[np.float64]]


class Scale(BaseModel):
    """Where normal scores lie and how far they reach: see `fit_scale` and `fit_tail_scale`."""

    model_config = ConfigDict(frozen=True)

    mean: float
    deviation: float

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Normalise scores."""
        return (values - self.mean) / self.deviation


def fit_scale(values: NDArray[np.float64]) -> Scale:
    """Take mean and deviation of the middle of normal scores (N,); never zero."""
    if says_little(values):
        # The whole range is the safer estimate, but a handful may lie close together by chance.
        mean = float(values.mean())
        return Scale(mean=mean, deviation=max(float(np.ptp(values)), DEFAULT_RELATIVE_DEVIATION * abs(mean), 1e-9))
    low, high = np.quantile(values, TRIM)
    middle = values[(values >= low) & (values <= high)]
    mean = float(middle.mean())
    return Scale(mean=mean, deviation=max(float(middle.std()), RELATIVE_FLOOR * abs(mean), 1e-9))


def fit_tail_scale(values: NDArray[np.float64]) -> Scale:
    """Scale normal scores (N,) by their upper tail, so that a branch counts by how improbable a good product makes it.

    Above their 80 % quantile u, scores of good products follow P(score > s) = .2 exp(-(s - u) / b). The scale is the
    logarithm of that probability, with 0 where it is one half: z(s) = ln(.5 / P(score > s)). So a branch whose normal
    scores reach far cannot outvote the others, as it could over the deviation of its middle scores. Odd images count:
    what shouts at some good products is to be believed less.
    """
    if says_little(values):
        return fit_scale(values)
    tail = fit_tail(values)
    deviation = max(tail.mean_of_all, RELATIVE_FLOOR * abs(tail.start), 1e-9)
    return Scale(mean=tail.start - deviation * math.log(0.5 / tail.fraction), deviation=deviation)


def fit_branch_scale(values: NDArray[np.float64], fit: Callable[[NDArray[np.float64]], Scale]) -> Scale:
    """The same for the sums of a branch's normalised columns (N,), whose middle is about 0."""
    scale = fit(values)
    least = 1.0 if says_little(values) else LEAST_BRANCH_DEVIATION
    return Scale(mean=scale.mean, deviation=max(scale.deviation, least))


def scale_of(weighting: str) -> Callable[[NDArray[np.float64]], Scale]:
    """How scores are brought to one scale: the paper's trimmed deviation for its plain sum ("equal"), else the tail."""
    return fit_scale if weighting == "equal" else fit_tail_scale


def says_little(values: NDArray[np.float64]) -> bool:
    """Whether normal scores (N,) are too few, or too much alike, to show how such scores spread."""
    return len(values) < FEW_IMAGES or float(np.ptp(values)) <= 1e-12 * float(np.abs(values).max())


class Fusion(BaseModel):
    """How raw columns become one score.

    Attributes:
        columns: Scale of each column "branch@part".
        branches: Scale of each branch's sum of normalised columns.
        weights: Fusion weight of each branch, 0..1.
        weighting: "synthetic_auroc" or "equal".
        members: Names of the scores of each group; empty in models of csad before 1.1.
    """

    model_config = ConfigDict(frozen=True)

    columns: dict[str, Scale]
    branches: dict[str, Scale]
    weights: dict[str, float]
    weighting: str
    members: dict[str, tuple[str, ...]] = {}

    def branch_scores(self, raw: Columns) -> dict[str, NDArray[np.float64]]:
        """Normalised score of each branch, (N,) each; about 0 +- 1 for normal images' middle.

        Raises:
            ModelFolderError: The columns are not those that the fusion was fitted on.
        """
        if differing := sorted(raw.keys() ^ self.columns.keys()):
            raise ModelFolderError(
                f"the model's parts and its fusion differ in {', '.join(differing)}: parts give "
                f"{', '.join(sorted(raw))}, the fusion was fitted on {', '.join(sorted(self.columns))}; train again"
            )
        return {branch: scale(sum_columns(raw, self.columns, branch)) for branch, scale in self.branches.items()}

    def combine(self, branches: Columns) -> NDArray[np.float64]:
        """Fuse normalised branch scores, or some of them, into one score (N,).

        "equal" is the paper's plain sum. "synthetic_auroc" is the length of the vector of what each branch holds
        against the image, weighted: a branch that finds nothing odd adds nothing, so weak branches cannot drown a
        strong one.
        """
        names = [name for name in self.branches if name in branches]
        values = np.stack([branches[name] for name in names])
        if self.weighting == "equal":
            return np.asarray(values.sum(axis=0))
        weights = np.array([self.weights[name] for name in names])[:, None]
        against = np.sqrt((weights * np.maximum(values, 0) ** 2).sum(axis=0))
        return np.asarray(against + INSIDE_SLOPE * (weights * values).sum(axis=0))

    def groups(self, branches: Columns) -> dict[str, NDArray[np.float64]]:
        """Fused score of each group of branches that is present: "histogram", "lgst"."""
        result = {}
        for group, members in (self.members or FORMAT_1_MEMBERS).items():
            present = {name: branches[name] for name in members if name in branches}
            if present:
                result[group] = self.combine(present)
        return result


def sum_columns(raw: Columns, scales: Mapping[str, Scale], branch: str) -> NDArray[np.float64]:
    """Sum of the normalised columns of a branch (paper: patch sizes sum), (N,)."""
    return np.asarray(sum(scales[name](raw[name]) for name in raw if name.split("@")[0] == branch))


def fit_fusion(normal: Columns, aurocs: Mapping[str, float], weighting: str) -> Fusion:
    """Calibrate on normal validation images.

    Args:
        normal: Raw columns of normal validation images.
        aurocs: Per branch the AUROC of synthetic anomalies against them, 0..1.
        weighting: "synthetic_auroc" or "equal".

    Raises:
        StageError: There is no column, for every branch is switched off or found nothing; or a column is of no known
            branch.
    """
    from csad.scoring.branches import groups, score_names  # brings torch, which scoring can do without

    if not normal:
        raise StageError(
            "no branch is left to score with: the images share no components and all other branches are switched off; "
            "set histogram.codebook_size above 0, or lgst.global_student or lgst.local_student to other than none"
        )
    found = {name.split("@")[0] for name in normal}
    known = score_names()
    if unknown := sorted(found - set(known)):
        raise StageError(
            f"no branch is called {', '.join(unknown)}, so its scores would count nowhere; expected some of "
            f"{', '.join(known)}: name it in the `scores` of its branch in csad.scoring.branches"
        )
    count = len(next(iter(normal.values())))
    if count < FEW_IMAGES:
        logger.warning(
            "only %d validation images: the scale of the scores is under-determined, add normal images", count
        )
    elif alike := sorted(name for name, values in normal.items() if says_little(values)):
        logger.warning("all validation images score alike in %s: its scale is under-determined", ", ".join(alike))
    fit = scale_of(weighting)
    columns = {name: fit(values) for name, values in normal.items()}
    present = [branch for branch in known if branch in found]
    branches = {branch: fit_branch_scale(sum_columns(normal, columns, branch), fit) for branch in present}
    weights = {branch: weight_of(aurocs.get(branch, 1.0)) for branch in present}
    for branch, weight in weights.items():
        logger.info("fusion weight of branch %s: %.2f", branch, weight)
    members = {group: tuple(name for name in names if name in found) for group, names in groups().items()}
    members = {group: names for group, names in members.items() if names}
    return Fusion(columns=columns, branches=branches, weights=weights, weighting=weighting, members=members)


def weight_of(synthetic_auroc: float) -> float:
    """Weight of a branch from its AUROC (0..1) on synthetic anomalies: none at chance, full for a perfect one.

    Synthetic anomalies are easier than real ones, so what a branch does not clearly find there it will hardly find on a
    line: the fourth power keeps doubtful branches from adding their noise.
    """
    return max(LEAST_WEIGHT, max(0.0, 2 * synthetic_auroc - 1) ** 4)
