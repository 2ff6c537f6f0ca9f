"""All stages by their names, in the order of `csad.runner.stage_order`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csad.runner.stage import Stage
from csad.runner.stage_order import NAMES
from csad.stages import clustering, evaluation, ingest, lgst, masks, segnet, statistics, tagging

_MODULES = (clustering, evaluation, ingest, lgst, masks, segnet, statistics, tagging)
_STAGES: dict[str, Stage[Any]] = {module.STAGE.name: module.STAGE for module in _MODULES}

STAGES: Mapping[str, Stage[Any]] = {name: _STAGES[name] for name in NAMES}
