"""What computes in a contender's process. Read by other environments, too, so csad and torch are imported when used."""

import importlib.metadata
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Call = Callable[[Sequence[Any]], object]
BATCHES = (1, 8)
"""Images per call: the latency is that of the first, the throughput that of the second."""


@dataclass(frozen=True)
class Loaded:
    """A method that is ready.

    Attributes:
        call: Scores a list of images; returns when the scores lie in memory.
        precision: What it computes in.
        version: Version of the runtime.
    """

    call: Call
    precision: str
    version: str


def load(kind: str, path: Path, runtime: str, threads: int) -> Loaded:
    """Load a method.

    Args:
        kind: "csad", "patchcore" or "network", see `contenders.Contender`.
        path: Its files.
        runtime: "torch", "onnxruntime" or "openvino".
        threads: Processors that it may use.
    """
    if runtime == "torch":
        import torch

        torch.set_num_threads(threads)
    if kind == "csad":
        return _csad(path, runtime, threads)
    if kind == "patchcore":
        return _patchcore(path)
    return {"torch": _torch, "onnxruntime": _onnxruntime, "openvino": _openvino}[runtime](path, threads)


def graph_for(folder: Path, batch: int) -> Path:
    """The graph that takes so many images: one that takes any, or one exported for this number alone."""
    names = (f"batch-{batch}.onnx", f"batch-{batch}.xml", "model.xml", "model.onnx")
    return next(folder / name for name in names if (folder / name).is_file())


def _csad(path: Path, runtime: str, threads: int) -> Loaded:
    from csad.compute.malloc import tune_malloc
    from csad.scoring.scorer import Scorer

    tune_malloc()  # as `csad score` does
    scorer = Scorer.load(path, runtime=runtime, threads=threads)
    engine = getattr(scorer.runtime, "engine", None)
    return Loaded(scorer.score_batch, getattr(engine, "precision", "float32"), importlib.metadata.version(runtime))


def _patchcore(path: Path) -> Loaded:
    import torch

    from benchmarks import patchcore, patches
    from csad.config.settings import BackboneSettings
    from csad.features.backbone import load_backbone

    backbone, memory = load_backbone(BackboneSettings().name, stages=3), torch.from_numpy(np.load(path / "memory.npy"))

    def call(images: Sequence[np.ndarray]) -> object:
        return patchcore.scores(patches.describe_squares(backbone, np.stack(images)), memory)

    return Loaded(call, "float32", torch.__version__)


def _torch(path: Path, threads: int) -> Loaded:
    import torch

    # The file was written by this benchmark a moment ago; anomalib keeps whole modules in its own exports.
    network = torch.load(next(path.glob("*.pt")), weights_only=False, map_location="cpu")["model"].eval()

    def call(images: Sequence[np.ndarray]) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(np.stack(images)))

    return Loaded(call, "float32", torch.__version__)


def _onnxruntime(path: Path, threads: int) -> Loaded:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    # As csad has it: threads that spin would be counted as work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    sessions: dict[Path, Any] = {}

    def call(images: Sequence[np.ndarray]) -> object:
        file = graph_for(path, len(images))
        if file not in sessions:
            sessions[file] = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        return sessions[file].run(None, {sessions[file].get_inputs()[0].name: np.stack(images)})

    return Loaded(call, "float32", onnxruntime.__version__)


def _openvino(path: Path, threads: int) -> Loaded:
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
    requests: dict[Path, Any] = {}

    def compiled(batch: int) -> Any:
        file = graph_for(path, batch)
        if file not in requests:
            requests[file] = core.compile_model(core.read_model(file), "CPU", settings).create_infer_request()
        return requests[file]

    def call(images: Sequence[np.ndarray]) -> object:
        request = compiled(len(images))
        request.infer([np.stack(images)])
        return [np.array(tensor.data) for tensor in request.output_tensors]

    # Not told what to compute in, as anomalib leaves it: OpenVINO takes bfloat16 where the processor has it.
    hint = compiled(BATCHES[0]).get_compiled_model().get_property("INFERENCE_PRECISION_HINT")
    precision = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}.get(hint.get_type_name(), str(hint))
    return Loaded(call, precision, openvino.__version__.split("-")[0])


def peak_memory() -> int:
    """Largest resident memory of this process so far, bytes.

    The kernel's own record of this program: that of `getrusage` begins with what the process that started it held.
    """
    for line in Path(f"/proc/{os.getpid()}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError("the kernel keeps no record of the peak memory; this benchmark needs Linux")
