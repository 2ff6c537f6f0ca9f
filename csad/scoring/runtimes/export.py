"""Writes a model's graph as an ONNX file, at the end of a training."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from csad.common import atomic
from csad.imaging.canvas import Canvas
from csad.scoring.anomaly_model import AnomalyModel
from csad.scoring.fusion import Fusion
from csad.scoring.runtimes.graph import ScoringGraph, unexplained
from csad.scoring.runtimes.record import CANVASES, FUSED, GRAPH_FILE, Export, check_canvases
from csad.scoring.runtimes.torch_runtime import TorchRuntime

OPSET = 18
"""Version of ONNX's operations: old enough for runtimes of the last three years."""

MOST_CANVASES = 4096
"""Largest batch that the graph takes."""

_log = logging.getLogger(__name__)


def export_graph(
    folder: Path, model: AnomalyModel, fusion: Fusion, canvas: Canvas, levels: Mapping[str, float]
) -> Export:
    """Write the graph, or say why that cannot be.

    Torch's newer exporter is used: the older one fixes sizes that it should not. It is told that the batch is of any
    size and that all weights go into the one file, neither of which it does by itself.

    Args:
        folder: Model folder; the file appears in it whole.
        model: Networks and branches; they are moved to the CPU.
        fusion: Scales and weights.
        canvas: Size of its inputs.
        levels: Value of each map below which nothing is drawn, so that the graph may save work there.

    Returns:
        What the manifest says of it, without how near runtimes come to torch.
    """
    if silent := unexplained(model):
        return Export(problem=f"what {', '.join(silent)} says of an image needs torch (see csad.scoring.explainers)")
    model = model.to("cpu")
    graph = ScoringGraph(model, fusion, levels).eval()
    example = check_canvases(canvas.height, canvas.width)
    reference = TorchRuntime(model, fusion).run(example)
    expected = {name: float(values[0]) for name, values in reference.columns.items()}
    try:
        with torch.no_grad():
            graph(torch.from_numpy(example))
            described = Export(
                file=GRAPH_FILE,
                columns=graph.columns,
                maps=graph.maps,
                outputs=graph.outputs,
                on_scale=tuple(sorted(model.on_scale())),
                expected={**expected, FUSED: float(reference.fused[0])},
            )
            _write(folder / GRAPH_FILE, graph, example.repeat(2, axis=0), described)
    except Exception as error:  # whatever torch's exporter or a branch of a user's own raises
        _log.debug("the export failed", exc_info=True)
        first = str(error).strip().splitlines()[0] if str(error).strip() else ""
        return Export(problem=f"torch {torch.__version__} does not export it: {type(error).__name__}: {first}")
    return described


def _write(path: Path, graph: ScoringGraph, example: object, described: Export) -> None:
    noisy = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in noisy]
    for logger in noisy:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                graph,
                (torch.as_tensor(example),),
                dynamo=True,
                verbose=False,
                input_names=[CANVASES],
                output_names=list(described.output_names),
                dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=MOST_CANVASES)},),
                opset_version=OPSET,
            )
    finally:
        for logger, level in zip(noisy, levels, strict=True):
            logger.setLevel(level)
    assert program is not None
    program.model.producer_name = "csad"
    with atomic.replacing(path) as temporary:
        program.save(temporary, external_data=False)
