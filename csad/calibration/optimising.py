"""Which runtime and precision is fastest here, of those that decide and draw as torch does (`csad optimise`; ours)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from csad.calibration.quantising import quantise
from csad.calibration.synthetic_anomalies import synthetic_anomalies
from csad.common.errors import RuntimeRefused
from csad.common.hashing import file_sha256
from csad.compute.cpu import usable_cpus
from csad.metrics.auroc import auroc
from csad.scoring.model_folder import Manifest, read_manifest
from csad.scoring.rendering import Renderer
from csad.scoring.runtimes.choice import is_installed, open_engine, open_runtime
from csad.scoring.runtimes.comparison import TOLERANCE, column_error, score_error
from csad.scoring.runtimes.graph_runtime import GraphRuntime, require_graph
from csad.scoring.runtimes.names import GRAPH_RUNTIMES, ONNXRUNTIME, OPENVINO, TORCH
from csad.scoring.runtimes.parity import Computed, compute_all, seen_otherwise, seen_reasons
from csad.scoring.runtimes.protocol import Runtime
from csad.scoring.runtimes.record import FUSED, check_canvases
from csad.scoring.runtimes.tuned import Measured, Tuned, machine, write_tuned
from csad.scoring.scorer import Scorer

Canvases = NDArray[np.uint8]

FLOAT32, BFLOAT16, INT8 = "float32", "bfloat16", "int8"
INT8_FILE = "scorer.int8.onnx"
BATCH = 8
ROUNDS = 20
LEAST_GOOD = 10
AUROC_LOSS = 0.002
"""AUROC on synthetic anomalies that a reduced precision may lose."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """A runtime in one precision that computes the model.

    Attributes:
        precision: What it computes in.
        file: Its graph; empty for torch.
        runtime: The runtime.
    """

    precision: str
    file: str
    runtime: Runtime


@dataclass(frozen=True)
class Examination:
    """Images that every trial scores.

    Attributes:
        good: Good images as canvases, uint8 (N, H, W, 3).
        odd: Synthetic anomalies made of them.
        right: What torch makes of the good ones.
        right_odd: What torch makes of the odd ones.
        auroc: Torch's AUROC.
    """

    good: Canvases
    odd: Canvases
    right: Computed
    right_odd: Computed
    auroc: float

    @classmethod
    def of(cls, reference: Runtime, manifest: Manifest, good: Canvases, seed: int) -> Examination:
        """Make anomalies of good canvases and have torch compute all."""
        generator = np.random.default_rng(seed)
        kinds = synthetic_anomalies(list(good), list(np.roll(good, 1, axis=0)), (), generator)
        odd = np.stack([canvas for made in kinds.values() for canvas in made])
        right, right_odd = (computed(reference, manifest, canvases) for canvases in (good, odd))
        return cls(good, odd, right, right_odd, auroc(right.fused, right_odd.fused))

    def judge(self, trial: Trial, manifest: Manifest) -> Measured:
        """Whether a trial decides, draws and explains as torch does; in single precision its scores are torch's, too.

        Maps are compared on synthetic anomalies as well, for most of a good image's map is 0.
        """
        found, found_odd = (computed(trial.runtime, manifest, canvases) for canvases in (self.good, self.odd))
        reached = auroc(found.fused, found_odd.fused)
        threshold = manifest.threshold.value
        count = len(found.fused)
        otherwise = int(((found.fused > threshold) != (self.right.fused > threshold)).sum())
        reasons = [f"{otherwise} of {count} good images are decided otherwise"] if otherwise else []
        if not reached >= self.auroc - AUROC_LOSS:
            reasons.append(f"AUROC on synthetic anomalies falls from {self.auroc:.3f} to {reached:.3f}")
        error = max(
            score_error(found.fused, self.right.fused),
            column_error(found.columns, self.right.columns, manifest.fusion),
        )
        if trial.precision == FLOAT32 and not error <= TOLERANCE:
            reasons.append(f"scores differ by {error:.1e}")
        seen, right = [*found.rendered, *found_odd.rendered], [*self.right.rendered, *self.right_odd.rendered]
        farthest, explained = seen_otherwise(seen, right, Renderer.of_model(manifest, trial.runtime).normal_tail)
        reasons += seen_reasons(farthest, explained, len(seen))
        name = trial.runtime.name
        reason = "; ".join(reasons)
        return Measured(
            runtime=name,
            precision=trial.precision,
            accepted=not reasons,
            reason=reason,
            auroc=reached,
            map_error=farthest,
        )


def optimise(folder: Path, good: Sequence[Canvases], calibrating: Sequence[Canvases], seed: int = 0) -> Tuned:
    """Measure all runtimes and precisions and write the fastest of those that are accepted into the model folder.

    Args:
        folder: Model folder with an exported graph.
        good: Good images, uint8 (H, W, 3) each: they show whether decisions hold.
        calibrating: Other good images, from which the ranges of int8 are taken.
        seed: Random seed of the synthetic anomalies.

    Raises:
        RuntimeRefused: The model has no graph, torch is not installed, or the images are too few.
        ModelFolderError: The folder is damaged.
    """
    manifest = read_manifest(folder)
    require_graph(manifest.export)
    if len(good) < LEAST_GOOD or not calibrating:
        raise RuntimeRefused(f"{len(good)} good images show too little; give at least {2 * LEAST_GOOD}")
    reference = open_runtime(folder, manifest, wanted=TORCH)
    reference.use_threads(usable_cpus())
    examination = Examination.of(reference, manifest, np.stack(good), seed)
    trials = [Trial(FLOAT32, "", reference)]
    measured = [Measured(runtime=TORCH, precision=FLOAT32, accepted=True, auroc=examination.auroc)]
    for name, precision in _candidates():
        try:
            trial = _open(folder, manifest, name, precision, calibrating)
            found = examination.judge(trial, manifest)
        except Exception as error:  # each library has errors of its own
            reason = str(error) or type(error).__name__
            found = Measured(runtime=name, precision=precision, accepted=False, reason=reason)
        measured.append(found)
        if found.accepted:
            trials.append(trial)
        else:
            _log.warning("%s in %s is refused: %s", name, precision, found.reason)
    timed = dict(zip(((t.runtime.name, t.precision) for t in trials), _timed(manifest, trials, good), strict=True))
    measured = [
        one.model_copy(update=timed[(one.runtime, one.precision)]) if (one.runtime, one.precision) in timed else one
        for one in measured
    ]
    best = min(trials, key=lambda trial: timed[(trial.runtime.name, trial.precision)]["milliseconds"])
    tuned = Tuned(
        model=manifest.checksum,
        machine=machine(),
        runtime=best.runtime.name,
        version=best.runtime.described(),
        precision=best.precision,
        file=best.file,
        sha256=file_sha256(folder / best.file) if best.file else "",
        expected=_expected(best.runtime, manifest),
        measured=tuple(measured),
    )
    write_tuned(folder, tuned)
    if best.file != INT8_FILE:
        (folder / INT8_FILE).unlink(missing_ok=True)
    return tuned


def computed(runtime: Runtime, manifest: Manifest, canvases: Canvases) -> Computed:
    """Compute uint8 (N, H, W, 3), a batch at a time."""
    batches = (canvases[start : start + BATCH] for start in range(0, len(canvases), BATCH))
    return compute_all(runtime, Renderer.of_model(manifest, runtime), batches)


def _candidates() -> Iterator[tuple[str, str]]:
    for name in GRAPH_RUNTIMES:
        if is_installed(name):
            yield name, FLOAT32
        else:
            _log.info("%s is not installed and not measured", name)
    if is_installed(OPENVINO):
        yield OPENVINO, BFLOAT16
    if is_installed(ONNXRUNTIME):
        yield ONNXRUNTIME, INT8


def _open(folder: Path, manifest: Manifest, name: str, precision: str, calibrating: Sequence[Canvases]) -> Trial:
    export = manifest.export
    assert export is not None
    file = export.file
    if precision == INT8:
        file = INT8_FILE
        quantise(folder / export.file, folder / file, calibrating)
    engine = open_engine(name, folder / file, usable_cpus(), precision)
    return Trial(precision, file, GraphRuntime(name, engine, export, GraphRuntime.explainers_of(folder, manifest)))


def _timed(manifest: Manifest, trials: Sequence[Trial], good: Sequence[Canvases]) -> list[dict[str, float]]:
    """Milliseconds of one image and images per second of each trial; they take turns."""
    scorers = [Scorer(manifest, trial.runtime) for trial in trials]
    canvas = manifest.canvas
    taken: list[dict[int, list[float]]] = [{1: [], BATCH: []} for _ in scorers]
    images = [np.ascontiguousarray(image) for image in good]
    assert images[0].shape == (canvas.height, canvas.width, 3)
    for turn in range(ROUNDS + 1):
        for size in (1, BATCH) if turn % 4 == 0 else (1,):
            batch = [images[(turn + place) % len(images)] for place in range(size)]
            for which, scorer in enumerate(scorers):
                started = time.perf_counter()
                scorer.score_batch(batch)
                if turn:
                    taken[which][size].append(time.perf_counter() - started)
    return [{"milliseconds": 1000 * median(one[1]), "per_second": BATCH / median(one[BATCH])} for one in taken]


def _expected(runtime: Runtime, manifest: Manifest) -> dict[str, float]:
    found = runtime.run(check_canvases(manifest.canvas.height, manifest.canvas.width))
    return {**{name: float(values[0]) for name, values in found.columns.items()}, FUSED: float(found.fused[0])}
