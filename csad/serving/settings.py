"""What the environment says about a service: `CSAD_...` variables, each with a default that works."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from csad.common.errors import RuntimeRefused, ServingError
from csad.scoring.runtimes.choice import wanted_runtime
from csad.serving.token import check_token

MEBIBYTE = 1024 * 1024
MODEL_IN_BENTO = Path("model")


@dataclass(frozen=True)
class ServingSettings:
    """Limits of a service and where its model is.

    Attributes:
        model: Model folder (`CSAD_MODEL_FOLDER`); `model/` in the working folder, which is where a Bento keeps it.
        version: Version in the registry (`CSAD_MODEL_VERSION`); empty where the service runs from a plain folder.
        token: Bearer token that requests must carry (`CSAD_TOKEN`); empty asks for none.
        device: "cpu", "cuda" or "cuda:N" (`CSAD_DEVICE`).
        runtime: "torch", "onnxruntime" or "openvino" (`CSAD_RUNTIME`); None takes what is installed and computes as
            torch does.
        max_bytes: Largest request body, and JSON of base64 is a third larger than its image (`CSAD_MAX_BYTES`); all
            bodies together may hold four times as much, more are answered with 429.
        max_pixels: Largest image (`CSAD_MAX_PIXELS`); the line's own images.max_pixels holds as well.
        max_files: Images in one batch request (`CSAD_MAX_FILES`).
        max_requests: Requests with images at a time; more are answered with 429 (`CSAD_MAX_REQUESTS`).
        max_waiting: Decoded images that wait to be scored; more are answered with 429 (`CSAD_MAX_WAITING`).
        max_batch: Images scored in one pass (`CSAD_MAX_BATCH`); 0 chooses by device.
        timeout: Seconds until a request is given up with 504 (`CSAD_TIMEOUT`).
    """

    model: Path = MODEL_IN_BENTO
    version: str = ""
    token: str = field(default="", repr=False)
    device: str = "cpu"
    runtime: str | None = None
    max_bytes: int = 64 * MEBIBYTE
    max_pixels: int = 50_000_000
    max_files: int = 64
    max_requests: int = 64
    max_waiting: int = 128
    max_batch: int = 0
    timeout: float = 30.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the variables.

        Raises:
            ServingError: A number that is none or not positive, or a token that no header can carry.
        """
        values = os.environ if environment is None else environment
        token = values.get("CSAD_TOKEN", "").strip()
        check_token(token)
        return cls(
            model=Path(values.get("CSAD_MODEL_FOLDER") or cls.model),
            version=values.get("CSAD_MODEL_VERSION", cls.version).strip(),
            token=token,
            device=values.get("CSAD_DEVICE") or cls.device,
            runtime=_runtime(values.get("CSAD_RUNTIME")),
            max_bytes=_whole(values, "CSAD_MAX_BYTES", cls.max_bytes),
            max_pixels=_whole(values, "CSAD_MAX_PIXELS", cls.max_pixels),
            max_files=_whole(values, "CSAD_MAX_FILES", cls.max_files),
            max_requests=_whole(values, "CSAD_MAX_REQUESTS", cls.max_requests),
            max_waiting=_whole(values, "CSAD_MAX_WAITING", cls.max_waiting),
            max_batch=_whole(values, "CSAD_MAX_BATCH", cls.max_batch, least=0),
            timeout=_seconds(values, "CSAD_TIMEOUT", cls.timeout),
        )


def _runtime(name: str | None) -> str | None:
    try:
        return wanted_runtime(name) if name else None
    except RuntimeRefused as error:
        raise ServingError(f"CSAD_RUNTIME: {error}") from None


def _whole(values: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    text = values.get(name) or str(default)
    try:
        number = int(text)
    except ValueError:
        raise ServingError(f"{name} is {text!r}; expected a whole number, such as {default}") from None
    if number < least:
        raise ServingError(f"{name} is {number}; expected at least {least}")
    return number


def _seconds(values: Mapping[str, str], name: str, default: float) -> float:
    text = values.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        raise ServingError(f"{name} is {text!r}; expected seconds, such as {default}") from None
    if not 0 < number < float("inf"):
        raise ServingError(f"{name} is {text}; expected more than 0 seconds")
    return number
