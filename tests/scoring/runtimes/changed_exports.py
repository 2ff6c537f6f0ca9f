"""Exported graphs that somebody changed, and manifests that fit them all the same."""

import json
from pathlib import Path

import numpy as np
import onnx

from csad.scoring.model_folder import MANIFEST, Manifest, write_model
from csad.scoring.runtimes.record import GRAPH_FILE


def resealed(folder: Path, **changes) -> None:
    """Write the manifest again as its author would: every checksum fits what lies there now."""
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_text())
    export = manifest.export.model_copy(update=changes)
    files = {name: digest for name, digest in manifest.files.items() if name != GRAPH_FILE}
    written = write_model(folder, manifest.model_copy(update={"export": export}), {})
    text = json.loads((folder / MANIFEST).read_text())
    text["files"] = {**written.files, **files}
    text["checksum"] = ""
    (folder / MANIFEST).write_text(json.dumps(text))


def multiply_output(file: Path, name: str, factor: float) -> None:
    """Multiply one output of a graph; what else is computed from it stays as it was."""
    graph = onnx.load(file)
    inner = f"{name}.right"
    for node in graph.graph.node:
        node.input[:] = [inner if one == name else one for one in node.input]
        node.output[:] = [inner if one == name else one for one in node.output]
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(factor), "factor"))
    graph.graph.node.append(onnx.helper.make_node("Mul", [inner, "factor"], [name]))
    onnx.save(graph, file)


class OwnError(Exception):
    """As ONNX Runtime has them: no RuntimeError."""


class FailingEngine:
    """Reads any graph and computes none."""

    version, precision, inputs, outputs = "1", "float32", {}, frozenset()

    def __init__(self, *_):
        pass

    def compute(self, canvases, names):
        raise OwnError("node Gather: index out of range")
