"""The branches of the score, one file each: what implements `Branch` and registers itself here is part of the method.

A new branch is one new file in this folder:

    @register
    @dataclass(frozen=True)
    class Sharpness(Branch):
        kind, scores, group = "sharpness", ("sharpness",), "optics"
        ...

It is then fitted by the statistics stage, calibrated, fused, stored in the model folder, loaded, scored and explained.
A file elsewhere does the same once it is imported.
"""

from csad.common.modules import import_modules
from csad.scoring.branches.protocol import BatchFeatures, Branch, Loading, ModelOutputs
from csad.scoring.branches.registry import branch_of, groups, outside_files, register, registered, score_names
from csad.scoring.explainers import Explanation

__all__ = [
    "BatchFeatures",
    "Branch",
    "Explanation",
    "Loading",
    "ModelOutputs",
    "branch_of",
    "groups",
    "outside_files",
    "register",
    "registered",
    "score_names",
]

import_modules(__name__)
