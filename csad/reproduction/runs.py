"""One training and its figures: finished stages are reused, so an interrupted comparison resumes where it was."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from csad.common import atomic
from csad.common.errors import CsadError
from csad.compute.compute_device import chosen_device
from csad.config.line import ProductLine
from csad.evaluation.figures import AurocByKind, SproByKind
from csad.pseudo_labels.record import FILE as CLUSTERS
from csad.pseudo_labels.record import PseudoLabels
from csad.reproduction.data_sets import Category
from csad.reproduction.latency import Latency, measure_latency
from csad.reproduction.lines import BASE, Variant
from csad.runner.files import replace_folder
from csad.scoring.runtimes.names import TORCH
from csad.scoring.scorer import Scorer
from csad.stages import training
from csad.stages.evaluation import FIGURES
from csad.stages.gallery import stages_of

LATENCY = "latency.json"
PARTIAL = ".partial"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What one training gave.

    Attributes:
        category: Name of the product line.
        variant: Name of the settings.
        seed: Random seed of the run.
        classes: Component classes.
        auroc: Image AUROC in percent of the full score ("full"), each branch and each group of branches.
        spro: Localisation; None without masks.
        latency: By group of branches; empty where it was not measured.
        images: Images per split and kind.
    """

    category: str
    variant: str
    seed: int
    classes: int
    auroc: Mapping[str, AurocByKind]
    spro: SproByKind | None
    latency: Mapping[str, Latency]
    images: Mapping[str, Mapping[str, int]]


class _Figures(BaseModel):
    """What is read of evaluation.json."""

    model_config = ConfigDict(frozen=True)

    branches: dict[str, AurocByKind]
    spro: SproByKind | None
    images: dict[str, dict[str, int]]


class _Timed(BaseModel):
    """latency.json: valid for one model on one device."""

    model_config = ConfigDict(frozen=True)

    model: str
    runs: int
    device: str
    parts: dict[str, Latency]


def measure(line: ProductLine, category: Category, variant: Variant, seed: int, output: Path, timing_runs: int) -> Run:
    """Train and evaluate one line, or take over what an earlier call finished.

    Args:
        line: Its settings.
        category: What is trained on.
        variant: Names the folder; all but the base start from the base's finished stages.
        seed: Random seed of the run.
        output: Folder of all runs; this one lies in <category>/<variant>-<seed>.
        timing_runs: Timed calls of the scorer; 0 measures no latency.

    Raises:
        CsadError: A stage failed.
    """
    folder = output / category.name
    model = folder / f"{variant.name}-{seed}" / "model"
    # Everything here is measured in torch; a graph would take most of a small run's time.
    line = line.model_copy(update={"runtime": line.runtime.model_copy(update={"export": False})})
    if variant != BASE:
        _share_stages(folder / f"{BASE.name}-{seed}" / "model", model)
    result = training.train(line, category.folder, model, seed, evaluate=True)
    assert result.report is not None
    figures = _read_figures(result.report.with_name(FIGURES))
    return Run(
        category=category.name,
        variant=variant.name,
        seed=seed,
        classes=_classes(model),
        auroc=figures.branches,
        spro=figures.spro,
        latency=_latency(model, timing_runs) if timing_runs else {},
        images=figures.images,
    )


def _read_figures(path: Path) -> _Figures:
    try:
        return _Figures.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CsadError(
            f"{path} cannot be read ({type(error).__name__}); remove {path.parent} and run again"
        ) from error


def _classes(model: Path) -> int:
    found = [path for path in stages_of(model).glob(f"clustering-*/{CLUSTERS}") if PARTIAL not in path.parent.name]
    newest = max(found, key=lambda path: path.stat().st_mtime)
    return PseudoLabels.read(newest.parent).classes


def _share_stages(base: Path, model: Path) -> None:
    """Let a variant start from the base's finished stages: only what its settings change runs again."""
    finished, own = stages_of(base), stages_of(model)
    if not finished.is_dir() or own.exists():
        return
    for stage in sorted(path for path in finished.iterdir() if path.is_dir() and PARTIAL not in path.name):
        replace_folder(stage, own / stage.name)


def _latency(model: Path, runs: int) -> dict[str, Latency]:
    device = str(chosen_device(None))
    scorer = Scorer.load(model, device, TORCH)
    path = model.parent / LATENCY
    try:
        known = _Timed.model_validate_json(path.read_text(encoding="utf-8"))
        if (known.model, known.runs, known.device) == (scorer.manifest.checksum, runs, device):
            return dict(known.parts)
    except (OSError, ValidationError):
        pass
    _log.info("timing %d calls on %s", runs, device)
    parts = measure_latency(scorer, runs)
    timed = _Timed(model=scorer.manifest.checksum, runs=runs, device=device, parts=parts)
    atomic.write_text(path, timed.model_dump_json(indent=2) + "\n")
    return parts
