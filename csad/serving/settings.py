"""What the environment says about a service: `CSAD_...` variables, each with a default that works."""

from pathlib import Path
from typing import Self

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from csad.common.errors import RuntimeRefused, ServingError
from csad.scoring.runtimes.names import wanted_runtime
from csad.serving.token import check_token

PREFIX = "CSAD_"
MEBIBYTE = 1024 * 1024
MODEL_IN_BENTO = Path("model")


class ServingSettings(BaseSettings):
    """Limits of a service and where its model is; each is the variable of its name, such as CSAD_MAX_BYTES.

    Attributes:
        model_folder: Model folder; `model/` in the working folder, which is where a Bento keeps it.
        model_version: Version in the registry; empty where the service runs from a plain folder.
        token: Bearer token that requests must carry; empty asks for none.
        device: "cpu", "cuda" or "cuda:N".
        runtime: "torch", "onnxruntime" or "openvino"; None takes what is installed and computes as torch does.
        max_bytes: Largest request body, and JSON of base64 is a third larger than its image; all bodies together may
            hold four times as much, more are answered with 429.
        max_pixels: Largest image; the line's own images.max_pixels holds as well.
        max_files: Images in one batch request.
        max_requests: Requests with images at a time; more are answered with 429.
        max_waiting: Decoded images that wait to be scored; more are answered with 429.
        max_batch: Images scored in one pass; 0 chooses by device and runtime.
        timeout: Seconds until a request is given up with 504.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, str_strip_whitespace=True, protected_namespaces=()
    )

    model_folder: Path = MODEL_IN_BENTO
    model_version: str = ""
    token: str = Field(default="", repr=False)
    device: str = "cpu"
    runtime: str | None = None
    max_bytes: PositiveInt = 64 * MEBIBYTE
    max_pixels: PositiveInt = 50_000_000
    max_files: PositiveInt = 64
    max_requests: PositiveInt = 64
    max_waiting: PositiveInt = 128
    max_batch: NonNegativeInt = 0
    timeout: float = Field(default=30.0, gt=0, allow_inf_nan=False)

    @field_validator("token")
    @classmethod
    def _fits_into_a_header(cls, token: str) -> str:
        check_token(token)
        return token

    @field_validator("runtime")
    @classmethod
    def _is_known(cls, runtime: str | None) -> str | None:
        try:
            return wanted_runtime(runtime) if runtime else None
        except RuntimeRefused as error:
            raise ValueError(str(error)) from None

    @classmethod
    def from_environment(cls) -> Self:
        """Read the variables.

        Raises:
            ServingError: A number that is none or too small, or a token that no header can carry.
        """
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = f"{PREFIX}{first['loc'][0]}".upper()
            default = cls.model_fields[str(first["loc"][0])].default
            reason = first["msg"][:1].lower() + first["msg"][1:]
            raise ServingError(f"{name} is {first['input']!r}: {reason}; expected one such as {default}") from None
