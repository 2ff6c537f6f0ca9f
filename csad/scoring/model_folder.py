"""A model on disk: a manifest, tensors in safetensors, a checksum for each file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays

from csad.common import atomic
from csad.common.errors import ModelFolderError
from csad.common.hashing import bytes_sha256, file_sha256
from csad.imaging.border import BorderModel
from csad.metrics.threshold import Threshold
from csad.scoring.fusion import Fusion
from csad.scoring.model_files import MANIFEST as MANIFEST
from csad.scoring.model_files import check_files
from csad.scoring.runtimes.record import Export

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

FORMAT = 2
"""1, of csad before branches had files of their own, is still read: see `csad.scoring.format_1`."""

FORMATS = (1, FORMAT)
T = TypeVar("T")
EMPTY_CHECKSUM = '"checksum": ""'


class CanvasRecord(BaseModel):
    """The crop and size that images are brought to; see `csad.imaging.canvas.Canvas`."""

    model_config = ConfigDict(frozen=True)

    box: tuple[float, float, float, float]
    height: int
    width: int


class Manifest(BaseModel):
    """`model.json`: everything about a model that is not a tensor.

    Attributes:
        format: Version of the folder's layout.
        version: csad that wrote it.
        created: When, ISO 8601 in UTC.
        line: Settings, as YAML.
        seed: Random seed of the training run.
        snapshot: Digest of the data that trained it.
        weights: Pretrained weights behind it: name, source and digest.
        canvas: Crop and size of the input.
        branches: Kinds of its branches, each a file of tensors; empty in format 1.
        classes: Component classes; 0 when the components branch is absent.
        types: Product types.
        fusion: Scales and weights of the branches.
        threshold: The decision.
        map_scale: Per map the values that normal images' cells have at quantiles .9 and .995.
        normal_scores: Scores of the good images that calibrated, ascending, to place a score among them.
        odd_images: Good images among them that score above the threshold: "train/good/003", the oddest first.
        synthetic_detection: Fraction of each kind of synthetic anomaly that scores above the threshold, 0..1.
        export: The whole scorer as one graph; None where the line does not ask for it, or csad was older.
        border: Border of normal images; shows differences between recording sessions, never part of a score.
        files: SHA-256 of every other file in the folder.
        checksum: SHA-256 of this file with the checksum left empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    version: str = Field(default_factory=lambda: metadata.version("csad"))
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    line: str
    seed: int
    snapshot: str
    weights: dict[str, dict[str, str]]
    canvas: CanvasRecord
    branches: tuple[str, ...] = ()
    classes: int
    types: int
    fusion: Fusion
    threshold: Threshold
    map_scale: dict[str, tuple[float, float]]
    normal_scores: tuple[float, ...]
    odd_images: tuple[str, ...] = ()
    synthetic_detection: dict[str, float] = {}
    export: Export | None = None
    border: BorderModel
    files: dict[str, str] = {}
    checksum: str = ""


def write_model(folder: Path, manifest: Manifest, tensors: Mapping[str, Mapping[str, Tensor]]) -> Manifest:
    """Write tensors, then the manifest with their digests: a folder with a manifest is whole.

    Args:
        folder: Created where it is missing.
        manifest: Its `files` and `checksum` are filled in here.
        tensors: Per file name (without ending) the tensors that it holds. An exported graph is in the folder already.

    Raises:
        ModelFolderError: A file cannot be written.
    """
    from csad.compute.tensor_file import (
        save_tensors,  # torch is there while a model is written, not always while it scores
    )

    folder.mkdir(parents=True, exist_ok=True)
    exported = manifest.export.file if manifest.export else ""
    files = {exported: file_sha256(folder / exported)} if exported else {}
    for name, group in tensors.items():
        path = folder / f"{name}.safetensors"
        try:
            save_tensors(group, path)
        except SafetensorError as error:
            raise ModelFolderError(f"{path} cannot be written ({error}); free some space and run again") from error
        files[path.name] = file_sha256(path)
    text = manifest.model_copy(update={"files": files, "checksum": ""}).model_dump_json(indent=2) + "\n"
    checksum = bytes_sha256(text.encode())
    atomic.write_text(folder / MANIFEST, text.replace(EMPTY_CHECKSUM, EMPTY_CHECKSUM[:-1] + f'{checksum}"'))
    return manifest.model_copy(update={"files": files, "checksum": checksum})


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest and the checksum of every file.

    Raises:
        ModelFolderError: Something is missing, of another version or changed; the message names the file.
    """
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFolderError(
            f"{folder} is no model folder: {MANIFEST} cannot be read; train a model first"
        ) from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first: Any = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ModelFolderError(
            f"{path} is damaged or of another version: {place}: {first['msg']}; train again"
        ) from error
    if manifest.format not in FORMATS:
        known = " and ".join(str(known) for known in FORMATS)
        raise ModelFolderError(f"{path} has format {manifest.format}, this csad reads {known}; train the model again")
    if manifest.checksum and bytes_sha256(text.replace(manifest.checksum, "").encode()) != manifest.checksum:
        raise ModelFolderError(f"{path} was changed: its checksum does not fit; copy the model folder again")
    check_files(folder, manifest.files)
    return manifest


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """Read one file of tensors; an absent one is empty.

    Raises:
        ModelFolderError: The file is damaged.
    """
    from safetensors.torch import load_file

    return _read(folder, name, load_file)


def read_arrays(folder: Path, name: str) -> dict[str, NDArray[np.generic]]:
    """Read one file of tensors as numpy arrays; an absent one is empty.

    Raises:
        ModelFolderError: The file is damaged.
    """
    return _read(folder, name, load_arrays)


def _read(folder: Path, name: str, load: Callable[[Path], dict[str, T]]) -> dict[str, T]:
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        return {}
    try:
        return load(path)
    except SafetensorError as error:
        raise ModelFolderError(f"{path} is damaged ({error}); copy the model folder again") from error
