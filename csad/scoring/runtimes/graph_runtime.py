"""A runtime that computes the exported graph; what differs between engines is one small class each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from csad.common.errors import ModelFolderError, RuntimeRefused
from csad.config.line import ProductLine
from csad.scoring.explainers import EXPLAINERS, Explainer
from csad.scoring.model_folder import Manifest, read_arrays
from csad.scoring.runtimes.comparison import TOLERANCE, column_error, score_error
from csad.scoring.runtimes.protocol import RuntimeOutputs
from csad.scoring.runtimes.record import CANVASES, COLUMNS, FUSED, GRAPH_FORMAT, MAP, OUTPUT, Export, check_canvases

Signature = Mapping[str, tuple[str, tuple[int | None, ...]]]


class Engine(Protocol):
    """Computes a graph.

    Attributes:
        version: Version of the library.
        precision: What it computes in.
        inputs: Element type and shape of each input, by name; None stands for any size.
        outputs: Names of the outputs.
    """

    version: str
    precision: str
    inputs: Signature
    outputs: frozenset[str]

    def compute(self, canvases: NDArray[np.uint8], names: Sequence[str]) -> list[NDArray[Any]]:
        """Compute outputs of uint8 (B, H, W, 3); any thread may call it."""


class GraphRuntime:
    """Runs an exported graph.

    Attributes:
        name: Name of the runtime.
        engine: What computes it.
        explainers: What says more of an image than its score.
        on_scale: Names of the maps that need no change of scale.
        batch: One image: in larger batches each costs as much, and engines keep memory for the largest that they saw
            (measured for 320 px, two batches at a time: 0.67 GB with 4, 0.26 GB with 1).
    """

    batch = 1

    def __init__(self, name: str, engine: Engine, export: Export, explainers: Sequence[Explainer]) -> None:
        self.name = name
        self.engine = engine
        self.explainers = explainers
        self.on_scale = frozenset(export.on_scale)
        self._export = export

    @classmethod
    def load(cls, name: str, engine: Engine, folder: Path, manifest: Manifest, export: Export) -> GraphRuntime:
        """Take an engine that has read a graph into use, if it computes what is expected.

        Args:
            name: Name of the runtime.
            engine: What has read the graph.
            folder: Model folder.
            manifest: Its manifest.
            export: The manifest's, or the same with what another precision gave for the check image.

        Raises:
            RuntimeRefused: The graph is of another version, another model or computes otherwise; the message says why.
            ModelFolderError: What explains its scores is missing.
        """
        require_signature(engine, export, manifest)
        runtime = cls(name, engine, export, cls.explainers_of(folder, manifest))
        runtime.require_expected(manifest)
        return runtime

    @staticmethod
    def explainers_of(folder: Path, manifest: Manifest) -> list[Explainer]:
        """What explains the scores of a model.

        Raises:
            ModelFolderError: A part of it is missing.
        """
        settings = ProductLine.from_model(manifest.line).histogram
        kinds = [kind for kind in manifest.branches if kind in EXPLAINERS]
        try:
            return [EXPLAINERS[kind].from_arrays(read_arrays(folder, kind), settings) for kind in kinds]
        except KeyError as error:
            raise ModelFolderError(f"{folder} lacks {error}; copy the whole model folder again") from error

    def run(self, canvases: NDArray[np.uint8]) -> RuntimeOutputs:
        """Compute canvases, uint8 (B, H, W, 3)."""
        names = self._export.output_names
        found = dict(zip(names, self.engine.compute(canvases, names), strict=True))
        columns = found[COLUMNS].astype(np.float64)
        return RuntimeOutputs(
            columns={name: columns[:, place] for place, name in enumerate(self._export.columns)},
            fused=found[FUSED].astype(np.float64),
            maps={name: found[MAP + name] for name in self._export.maps},
            outputs={name: found[OUTPUT + name] for name in self._export.outputs},
        )

    def use_threads(self, count: int) -> None:
        """Engines share a pool of threads among all callers."""

    def described(self) -> str:
        """Name, version and precision."""
        return f"{self.name} {self.engine.version} in {self.engine.precision}"

    def require_expected(self, manifest: Manifest, tolerance: float = TOLERANCE) -> None:
        """Compute one canvas and compare it with what torch gave for it.

        Raises:
            RuntimeRefused: It differs.
        """
        record = manifest.canvas
        try:
            found = self.run(check_canvases(record.height, record.width))
        except Exception as error:  # each library has errors of its own
            raise RuntimeRefused(f"{self.described()} fails on the check image: {error}") from error
        expected = dict(self._export.expected)
        fused = np.array([expected.pop(FUSED, np.nan)])
        known = {name: np.array([value]) for name, value in expected.items()}
        distance = max(score_error(found.fused, fused), column_error(found.columns, known, manifest.fusion))
        if not distance <= tolerance:
            raise RuntimeRefused(
                f"{self.described()} computes the check image {distance:.1e} away from what is expected "
                f"({tolerance:.0e} is allowed): run csad optimise with this version, or use torch"
            )


def require_graph(export: Export | None) -> None:
    """Make sure that a model has a graph that this csad reads.

    Raises:
        RuntimeRefused: It has none, or one of another version.
    """
    if export is None:
        raise RuntimeRefused(
            "the model has no exported graph (`runtime.export` was off, or csad was older): train again with it"
        )
    if export.format != GRAPH_FORMAT:
        raise RuntimeRefused(f"the exported graph has format {export.format}, this csad reads {GRAPH_FORMAT}")
    if not export.file:
        raise RuntimeRefused(f"the model could not be exported: {export.problem}")


def require_signature(engine: Engine, export: Export, manifest: Manifest) -> None:
    """Compare what a graph takes and gives with what the manifest says.

    Raises:
        RuntimeRefused: They differ.
    """
    canvas = manifest.canvas
    expected = {CANVASES: ("uint8", (None, canvas.height, canvas.width, 3))}
    if dict(engine.inputs) != expected:
        raise RuntimeRefused(f"{export.file} takes {dict(engine.inputs)}, expected {expected}: it is of another model")
    if missing := set(export.output_names) - engine.outputs:
        raise RuntimeRefused(f"{export.file} does not give {', '.join(sorted(missing))}: it is of another model")
    if differing := sorted(set(export.columns) ^ manifest.fusion.columns.keys()):
        raise RuntimeRefused(f"{export.file} and the model's fusion differ in {', '.join(differing)}")
