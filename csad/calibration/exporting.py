"""Fourth part of the statistics stage: the scorer as one graph, and which runtimes compute it as torch does."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csad.calibration.calibrate import Calibration
from csad.calibration.decision import Decision
from csad.compute.cpu import usable_cpus
from csad.config.line import ProductLine
from csad.imaging.canvas import Canvas
from csad.imaging.canvas_store import CanvasStore
from csad.scoring.anomaly_model import AnomalyModel
from csad.scoring.branches.training import BATCH
from csad.scoring.rendering import Renderer, map_size
from csad.scoring.runtimes.choice import is_installed, open_engine
from csad.scoring.runtimes.export import export_graph
from csad.scoring.runtimes.graph_runtime import GraphRuntime
from csad.scoring.runtimes.names import GRAPH_RUNTIMES
from csad.scoring.runtimes.parity import Reference, compare, compute_all
from csad.scoring.runtimes.record import Export, Parity
from csad.scoring.runtimes.torch_runtime import TorchRuntime

logger = logging.getLogger(__name__)


def export(
    line: ProductLine,
    output: Path,
    canvas: Canvas,
    model: AnomalyModel,
    decision: Decision,
    calibration: Calibration,
    validation: CanvasStore,
) -> Export:
    """Write the graph and compare every runtime that is installed with torch; what fails is said and never used.

    Args:
        line: Product line; its `fusion.maps` is read.
        output: The model folder.
        canvas: Size of the inputs.
        model: Networks and branches; they are moved to the CPU.
        decision: Fusion and threshold.
        calibration: Scales of the maps.
        validation: The validation images as model inputs.
    """
    exported = export_graph(output, model, decision.fusion, canvas, undrawn_below(line, calibration))
    if not exported.file:
        logger.warning("this model computes in torch alone: %s", exported.problem)
        return exported
    for name in GRAPH_RUNTIMES:
        if not is_installed(name):
            logger.info("%s is not installed, so it was not compared with torch and will not be used", name)
    installed = [name for name in GRAPH_RUNTIMES if is_installed(name)]
    if not installed:
        return exported
    reference = _reference(line, canvas, model, decision, calibration, validation)
    parity = {}
    for name in installed:
        found = parity[name] = _compare(name, output / exported.file, exported, reference, validation)
        if found.accepted:
            logger.info(
                "%s %s computes as torch does: scores of %d images differ by at most %.0e, maps by %.0e of what normal "
                "images reach",
                name,
                found.version,
                found.images,
                found.score_error,
                found.map_error,
            )
        else:
            logger.warning("%s will not be used, but torch: %s", name, found.reason)
    return exported.model_copy(update={"parity": parity})


def undrawn_below(line: ProductLine, calibration: Calibration) -> dict[str, float]:
    """Value of each map below which `fusion.maps: weighted` draws nothing; an average draws every value."""
    return {name: scale.low for name, scale in calibration.map_scale.items()} if line.fusion.maps == "weighted" else {}


def _reference(
    line: ProductLine,
    canvas: Canvas,
    model: AnomalyModel,
    decision: Decision,
    calibration: Calibration,
    validation: CanvasStore,
) -> Reference:
    """What torch makes of the validation images; calibration may have seen them through a compiled backbone."""
    runtime = TorchRuntime(model.to("cpu"), decision.fusion)
    renderer = Renderer(
        line.fusion.maps,
        calibration.map_scale,
        decision.fusion.weights,
        map_size(canvas.height, canvas.width),
        runtime.explainers,
        runtime.on_scale,
    )
    computed = compute_all(runtime, renderer, _batches(validation))
    return Reference(computed.columns, computed.rendered, decision.fusion, decision.threshold.value, renderer)


def _compare(name: str, graph: Path, exported: Export, reference: Reference, validation: CanvasStore) -> Parity:
    try:
        engine = open_engine(name, graph, usable_cpus())
        runtime = GraphRuntime(name, engine, exported, explainers=())
        return compare(runtime, engine.version, _batches(validation), reference)
    except Exception as error:  # each library has errors of its own
        return Parity.refused(str(error) or type(error).__name__)


def _batches(images: CanvasStore) -> Iterator[NDArray[np.uint8]]:
    """All images, uint8 (B, H, W, 3) a batch."""
    for start in range(0, len(images), BATCH):
        yield images.read(start, BATCH)
