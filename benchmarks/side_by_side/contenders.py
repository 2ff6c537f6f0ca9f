"""Who takes part: csad, PatchCore on csad's own weights, anomalib's models and the authors' network."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.datasets import ROOT
from csad.common.errors import CsadError, RuntimeRefused
from csad.scoring.model_folder import read_manifest
from csad.scoring.runtimes.choice import open_runtime
from csad.scoring.runtimes.names import GRAPH_RUNTIMES, RUNTIMES, TORCH

ENVIRONMENT = ROOT / ".venv-anomalib"
CSAD = "csad"
PATCHCORE = "PatchCore (EfficientNet-Lite0)"
NETWORKS = {"efficientad_s": "EfficientAD-S (anomalib)", "patchcore": "PatchCore (WideResNet-50, anomalib)"}
AUTHORS = "CSAD (the authors' network)"
FORMATS = {TORCH: "torch", "onnxruntime": "onnx", "openvino": "openvino"}
"""Folder in which anomalib keeps what a runtime reads."""

EXPORTED = ".exported"
"""Marks a folder whose export was finished."""


@dataclass(frozen=True)
class Contender:
    """A method in a runtime.

    Attributes:
        method: Name of the method.
        runtime: "torch", "onnxruntime" or "openvino".
        kind: "csad": the whole scorer, with map and explanations, from decoded images; "patchcore": from decoded
            squares; "network": a network alone, from float32 (3, 256, 256) in 0..1.
        path: Folder of its files.
        python: Interpreter of its environment.
        search: Value of PYTHONPATH, beside the repository.
    """

    method: str
    runtime: str
    kind: str
    path: Path
    python: Path = field(default_factory=lambda: Path(sys.executable))
    search: str = ""

    @property
    def name(self) -> str:
        """Method and runtime."""
        return f"{self.method}, {self.runtime}"

    @property
    def megabytes(self) -> float:
        """Size of its files, 10^6 bytes. Of a network exported for each batch on its own the first counts."""
        files = [file for file in self.path.iterdir() if file.is_file() and file.name != EXPORTED]
        later = [file for file in files if file.name.startswith("batch-") and not file.name.startswith("batch-1.")]
        return sum(file.stat().st_size for file in files if file not in later) / 1e6

    def environment(self, threads: int) -> Mapping[str, str]:
        """Environment of its process: no more threads than allowed, and nothing from a hub."""
        search = os.pathsep.join(filter(None, (str(ROOT), self.search)))
        return os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": search, "HF_HUB_OFFLINE": "1"}


def ours(model: Path) -> tuple[list[Contender], list[str]]:
    """csad in each runtime that can compute a model.

    Returns:
        The contenders, and a sentence for each runtime that is left out.

    Raises:
        CsadError: The model cannot be read.
    """
    found, left_out, manifest = [], [], read_manifest(model)
    for runtime in (TORCH, *(name for name in RUNTIMES if name != TORCH)):
        try:
            open_runtime(model, manifest, wanted=runtime)
        except RuntimeRefused as refusal:
            left_out.append(f"{CSAD}, {runtime}: {refusal}")
            continue
        found.append(Contender(CSAD, runtime, "csad", model))
    return found, left_out


def anomalib(output: Path) -> tuple[list[Contender], list[str]]:
    """Models of anomalib, exported by its own exporter in its own environment; none where that is absent.

    Raises:
        CsadError: An export failed.
    """
    python = ENVIRONMENT / "bin" / "python"
    if not python.is_file():
        return [], [f"anomalib: there is no {ENVIRONMENT.name}; make anomalib makes it (about 7 GB)"]
    folder = output / "anomalib"
    _export(folder, python, "benchmarks.side_by_side.anomalib_export", [folder], str(ROOT))
    return [
        Contender(title, runtime, "network", folder / name / "weights" / FORMATS[runtime], python)
        for name, title in NETWORKS.items()
        for runtime in (TORCH, *GRAPH_RUNTIMES)
    ], []


def authors(checkout: Path | None, output: Path) -> tuple[list[Contender], list[str]]:
    """The authors' network in our environment; none where no checkout is given.

    Raises:
        CsadError: It is not a checkout of the authors' program, or the export failed.
    """
    if checkout is None:
        return [], [f"{AUTHORS}: name a checkout of github.com/Tokichan/CSAD with --authors"]
    checkout = checkout.resolve()
    if not (checkout / "models" / "onnx_model.py").is_file():
        raise CsadError(f"{checkout} has no models/onnx_model.py; name a checkout of github.com/Tokichan/CSAD")
    folder, search = output / "authors", f"{ROOT}{os.pathsep}{checkout}"
    _export(folder, Path(sys.executable), "benchmarks.side_by_side.authors_export", [folder], search)
    return [
        # OpenVINO reads ONNX files, too.
        Contender(AUTHORS, runtime, "network", folder / ("torch" if runtime == TORCH else "onnx"), search=str(checkout))
        for runtime in (TORCH, *GRAPH_RUNTIMES)
    ], []


def _export(folder: Path, python: Path, module: str, arguments: list[Path], search: str) -> None:
    """Run an exporter, once; its output goes to standard error."""
    if (folder / EXPORTED).is_file():
        print(f"{folder} was exported earlier, reused", file=sys.stderr)
        return
    environment = os.environ | {"PYTHONPATH": search, "HF_HUB_OFFLINE": "1"}
    command = [str(python), "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False)
    if done.returncode:
        raise CsadError(f"{module} failed with exit code {done.returncode}; its message is above")
    (folder / EXPORTED).touch()
