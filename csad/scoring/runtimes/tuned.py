"""What `csad optimise` found to be fastest on one machine: runtime.json, beside the manifest that stays as it is."""

from __future__ import annotations

import logging
import platform
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from csad.common import atomic
from csad.common.hashing import file_sha256

TUNED_FILE = "runtime.json"
TUNED_FORMAT = 2
"""1, of csad before maps were compared, is not used: its choice may draw other maps than torch."""
VECTOR_UNITS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")

_log = logging.getLogger(__name__)


class Measured(BaseModel):
    """One runtime in one precision.

    Attributes:
        runtime: Name of the runtime.
        precision: "float32", "bfloat16" or "int8".
        accepted: Whether it may compute the model.
        reason: Why not; empty where it may.
        milliseconds: One image with map and explanations, median.
        per_second: Images per second in batches of 8.
        auroc: AUROC on synthetic anomalies.
        map_error: Largest difference of a cell of the map from torch's, relative to it or to what normal cells reach.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    runtime: str
    precision: str
    accepted: bool
    reason: str = ""
    milliseconds: float | None = None
    per_second: float | None = None
    auroc: float | None = None
    map_error: float | None = None


class Tuned(BaseModel):
    """The choice.

    Attributes:
        format: Version of this record.
        model: Checksum of the model's manifest.
        machine: Processor that it was measured on.
        runtime: Name of the fastest runtime.
        version: Its version.
        precision: What it computes in.
        file: Its graph, in the model folder; empty for torch.
        sha256: SHA-256 of that file.
        expected: What it gave for the check image.
        measured: All that was measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = TUNED_FORMAT
    model: str
    machine: str
    runtime: str
    version: str
    precision: str
    file: str
    sha256: str
    expected: dict[str, float]
    measured: tuple[Measured, ...]


def write_tuned(folder: Path, tuned: Tuned) -> None:
    """Write the record, whole or not at all."""
    atomic.write_text(folder / TUNED_FILE, tuned.model_dump_json(indent=2) + "\n")


def read_tuned(folder: Path, model: str) -> Tuned | None:
    """Read the record; None where there is none that holds for this model on this machine, and why is said.

    Args:
        folder: Model folder.
        model: Checksum of its manifest.
    """
    path = folder / TUNED_FILE
    if not path.is_file():
        return None
    try:
        tuned = Tuned.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError):
        _log.warning("%s is damaged and not used; run csad optimise again", path)
        return None
    if tuned.format != TUNED_FORMAT or tuned.model != model:
        _log.warning("%s is of another model or version and not used; run csad optimise again", path)
        return None
    if tuned.machine != machine():
        _log.info("%s was measured on %s, this is %s: not used", path, tuned.machine, machine())
        return None
    if tuned.file and (not (folder / tuned.file).is_file() or file_sha256(folder / tuned.file) != tuned.sha256):
        _log.warning("%s is missing or was changed, so %s is not used", folder / tuned.file, path)
        return None
    return tuned


def machine() -> str:
    """The processor's name, and what it can do that decides which precision is fast."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = dict(line.replace("\t", "").split(":", 1) for line in lines if ":" in line)
    flags = found.get("flags", "").split()
    known = [
        flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8") if flag in flags
    ]
    return f"{found.get('model name', platform.machine()).strip()} ({', '.join(known)})"
