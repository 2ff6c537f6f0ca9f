"""Which runtime computes a model: what is installed, what was found to compute as torch does, what a user wants."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from csad.common.errors import RuntimeRefused
from csad.compute.cpu import usable_cpus
from csad.compute.device import check_device
from csad.scoring.model_folder import Manifest
from csad.scoring.runtimes.graph_runtime import Engine, GraphRuntime, require_graph
from csad.scoring.runtimes.names import GRAPH_RUNTIMES, ONNXRUNTIME, OPENVINO, RUNTIMES, TORCH
from csad.scoring.runtimes.protocol import Runtime
from csad.scoring.runtimes.tuned import Tuned, read_tuned

CPU = "cpu"

_log = logging.getLogger(__name__)


def _onnxruntime(graph: Path, threads: int, precision: str) -> Engine:
    from csad.scoring.runtimes.onnxruntime_engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine(graph, threads, precision)


def _openvino(graph: Path, threads: int, precision: str) -> Engine:
    from csad.scoring.runtimes.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(graph, threads, precision)


ENGINES: Mapping[str, Callable[[Path, int, str], Engine]] = {ONNXRUNTIME: _onnxruntime, OPENVINO: _openvino}
"""What computes the graph in each runtime, imported when it is used; by an import statement, for `csad.runner.code`
reads from those which code and packages results depend on."""


def device_for(wanted: str | None, device: str | None) -> str:
    """Where to compute: a device that is asked for, else the CPU for a graph, else a GPU where torch finds one.

    Raises:
        DeviceError: There is no such device.
    """
    if not is_installed(TORCH) or (device is None and wanted in GRAPH_RUNTIMES):
        return device or CPU
    from csad.compute.compute_device import chosen_device

    return str(chosen_device(device))


def is_installed(name: str) -> bool:
    """Whether a runtime's package can be imported; it is not imported for that."""
    return importlib.util.find_spec(name) is not None


def open_runtime(
    folder: Path, manifest: Manifest, device: str = CPU, wanted: str | None = None, threads: int | None = None
) -> Runtime:
    """Open a model whose files were checked.

    Args:
        folder: Model folder.
        manifest: Its manifest.
        device: "cpu", "cuda" or "cuda:N"; only torch computes on others than the CPU.
        wanted: Name of a runtime, which is then taken or refused. None takes the first that is installed and computes
            as torch does, and torch where none does.
        threads: Processors that a graph may use; None: all that this process may.

    Raises:
        RuntimeRefused: The runtime that is wanted, or all, cannot be used; the message says why.
        ModelFolderError: The folder is incomplete.
        DeviceError: There is no such device.
    """
    check_device(device)
    if wanted == TORCH or (device != CPU and wanted is None):
        return _torch(folder, manifest, device, [])
    if wanted is not None:
        if device != CPU:
            raise RuntimeRefused(f"{wanted} computes on the CPU alone, and {device} is asked for; use torch there")
        return open_graph(wanted, folder, manifest, threads or usable_cpus(), asked_for=True)
    refusals = []
    tuned = read_tuned(folder, manifest.checksum)
    if tuned is not None:
        try:
            return _open_tuned(tuned, folder, manifest, threads or usable_cpus())
        except RuntimeRefused as refusal:
            _log.warning("what csad optimise chose is not used: %s", refusal)
    for name in GRAPH_RUNTIMES:
        try:
            return open_graph(name, folder, manifest, threads or usable_cpus())
        except RuntimeRefused as refusal:
            refusals.append(f"{name}: {refusal}")
            if is_installed(name) and manifest.export is not None:
                _log.warning("%s is not used: %s", name, refusal)
    return _torch(folder, manifest, device, refusals)


def open_graph(name: str, folder: Path, manifest: Manifest, threads: int, asked_for: bool = False) -> GraphRuntime:
    """Open a model's graph in a runtime.

    Args:
        name: One of `GRAPH_RUNTIMES`.
        folder: Model folder.
        manifest: Its manifest.
        threads: Processors that it may use.
        asked_for: A user wants this one: it need not have been compared with torch when the model was trained.

    Raises:
        RuntimeRefused: It is not installed, or does not compute as torch does.
        ModelFolderError: The folder is incomplete.
    """
    if not is_installed(name):
        raise RuntimeRefused(f"it is not installed; run: pip install {name}")
    require_graph(manifest.export)
    assert manifest.export is not None
    parity = manifest.export.parity.get(name)
    if parity is None and not asked_for:
        raise RuntimeRefused("it was not compared with torch when the model was trained; run csad optimise")
    if parity is not None and not parity.accepted:
        raise RuntimeRefused(
            f"it did not compute as torch did when the model was trained: {parity.reason}; torch scores as well, and "
            "csad optimise compares the others on this machine"
        )
    if parity is not None and parity.map_error is None:
        _log.warning(
            "%s: when %s was trained, its scores were compared with torch's, its maps and explanations were not; "
            "csad optimise compares them",
            name,
            folder,
        )
    engine = open_engine(name, folder / manifest.export.file, threads)
    return GraphRuntime.load(name, engine, folder, manifest, manifest.export)


def _open_tuned(tuned: Tuned, folder: Path, manifest: Manifest, threads: int) -> Runtime:
    """Open what was found to be fastest on this machine.

    Raises:
        RuntimeRefused: It is not installed any more, or computes otherwise than it did.
    """
    if tuned.runtime == TORCH:
        return _torch(folder, manifest, CPU, [])
    if not is_installed(tuned.runtime):
        raise RuntimeRefused(f"{tuned.runtime} is not installed")
    require_graph(manifest.export)
    assert manifest.export is not None
    export = manifest.export.model_copy(update={"file": tuned.file, "expected": tuned.expected})
    engine = open_engine(tuned.runtime, folder / tuned.file, threads, tuned.precision)
    return GraphRuntime.load(tuned.runtime, engine, folder, manifest, export)


def open_engine(name: str, graph: Path, threads: int, precision: str = "float32") -> Engine:
    """Have a runtime's library read a graph.

    Raises:
        RuntimeRefused: It does not.
    """
    try:
        return ENGINES[name](graph, threads, precision)
    except Exception as error:  # each library has errors of its own, most of them RuntimeError
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RuntimeRefused(f"it does not read {graph.name}: {first}") from error


def _torch(folder: Path, manifest: Manifest, device: str, refusals: Sequence[str]) -> Runtime:
    if not is_installed(TORCH):
        others = "; ".join(refusals) or "no other was tried"
        raise RuntimeRefused(
            f"no runtime can compute {folder}: torch is not installed ({others}); install one of {', '.join(RUNTIMES)}"
        )
    from csad.scoring.runtimes.torch_runtime import TorchRuntime

    return TorchRuntime.load(folder, manifest, device)
