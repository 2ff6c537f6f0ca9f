"""Models in the store: immutable versions with their labels.

| key | what |
|---|---|
| `models/<line>/<version>/model/...` | the model folder |
| `models/<line>/<version>/bento.tar.gz` | and other files that belong to it |
| `models/<line>/<version>/manifest.json` | written last: without it there is no version |
"""

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from csad.common.errors import StoreError
from csad.common.hashing import file_sha256, json_sha256
from csad.common.progress import track
from csad.store.failures import Conflict
from csad.store.names import VERSION, check_extra_file, check_line, check_model_file, check_relative, check_version
from csad.store.objects import ObjectStore
from csad.store.sealed import damaged, find_sealed, seal
from csad.store.transfer import in_parallel

ROOT = "models"
MANIFEST = "manifest.json"
MODEL = "model/"
"""Files of the model folder are named with this in front; others have no "/" in their names."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelLabels:
    """Where a model comes from and how good it is.

    Attributes:
        line: Product line.
        snapshot_digest: Digest of the data that trained it.
        git_commit: Git commit of the code.
        config_digest: Digest of the line's settings.
        seed: Random seed of the run.
        scores: Scores of its evaluation, such as {"logical": 91.2}; None, as nan becomes, where nothing was measured.
        score_kinds: Which kinds of anomalies a score is over, such as {"mean": ["logical", "dents"]}; empty for a
            model that was registered before they were kept.
    """

    line: str
    snapshot_digest: str
    git_commit: str
    config_digest: str
    seed: int
    scores: dict[str, float | None]
    score_kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class FileRecord:
    """One file of a version.

    Attributes:
        sha256: SHA-256 of its content.
        bytes: Its size.
    """

    sha256: str
    bytes: int


@dataclass(frozen=True)
class ModelVersion:
    """A registered model.

    Attributes:
        line: Product line.
        version: "20261124T101500Z-0123abcd": when it was registered, and the start of `content`.
        labels: Where it comes from.
        files: What it consists of: "model/..." for the model folder, other names for what lies beside it.
        created: ISO 8601 in UTC.
        content: SHA-256 over labels and files.
    """

    line: str
    version: str
    labels: ModelLabels
    files: dict[str, FileRecord]
    created: str
    content: str


def register_model(
    store: ObjectStore, model_folder: Path, labels: ModelLabels, extra_files: Mapping[str, Path] | None = None
) -> ModelVersion:
    """Store a model as a new version. The same model with the same labels again is the version that it already has.

    Args:
        store: Where to.
        model_folder: Folder as `statistics` wrote it.
        labels: Kept with it for good.
        extra_files: Name and path of files that belong to it, such as {"bento.tar.gz": path}.

    Raises:
        StoreError: The folder is no model, a name cannot be used, or the store refuses.
        OSError: A file cannot be read.
    """
    line = check_line(labels.line)
    paths = _model_files(model_folder)
    paths |= {check_extra_file(name): path for name, path in (extra_files or {}).items()}
    files = {name: FileRecord(file_sha256(path), path.stat().st_size) for name, path in sorted(paths.items())}
    labels = replace(labels, scores={name: _finite(score) for name, score in labels.scores.items()})
    content = _content(labels, files)
    now = datetime.now(UTC)
    version = f"{now:%Y%m%dT%H%M%SZ}-{content[:8]}"
    for earlier in _begun(store, line):
        if earlier.endswith(content[:8]):
            known = _find(store, line, earlier)
            if known is not None and known.content == content:
                _log.info("this model is registered already as %s", earlier)
                return known
            if known is None:
                version = earlier
    made = ModelVersion(line, version, labels, files, now.isoformat(timespec="seconds"), content)

    def upload(name: str) -> None:
        store.put_file(_key(line, version, name), paths[name], files[name].sha256)

    for _ in track(in_parallel(upload, files), "Registering the model", total=len(files)):
        continue
    try:
        store.put_bytes(_key(line, version, MANIFEST), seal(made, ModelVersion), if_none_match=True)
    except Conflict:
        return show_model(store, line, version)
    _log.info("registered %s of line %s", version, line)
    return made


def list_models(store: ObjectStore, line: str) -> list[ModelVersion]:
    """Return the versions of a line, oldest first. What is not completely there is no version.

    Raises:
        StoreError: A manifest is damaged, or the store does not answer.
    """
    check_line(line)
    found = in_parallel(lambda version: _find(store, line, version), _begun(store, line))
    return sorted((model for model in found if model is not None), key=lambda model: model.version)


def show_model(store: ObjectStore, line: str, version: str) -> ModelVersion:
    """Return one version.

    Raises:
        StoreError: There is none, or its manifest is damaged.
    """
    model = _find(store, check_line(line), check_version(version))
    if model is None:
        raise StoreError(
            f"line {line} has no version {version} in the store at {store.settings.url}; see `csad models list {line}`"
        )
    return model


def fetch_model(store: ObjectStore, line: str, version: str, folder: Path) -> ModelVersion:
    """Write a version's model folder; files that are there and right are kept.

    Args:
        store: Where from.
        line: Product line.
        version: Version as `list_models` names it.
        folder: Created where it is missing.

    Raises:
        StoreError: There is no such version, a file is damaged, or the store does not answer.
        OSError: The folder cannot be written.
    """
    model = show_model(store, line, version)
    names = [name for name in model.files if name.startswith(MODEL)]

    def download(name: str) -> None:
        path, record = folder / check_relative(name.removeprefix(MODEL)), model.files[name]
        if not (path.is_file() and path.stat().st_size == record.bytes and file_sha256(path) == record.sha256):
            store.get_file(_key(line, version, name), path, record.sha256)

    for _ in track(in_parallel(download, names), "Fetching the model", total=len(names)):
        continue
    return model


def fetch_file(store: ObjectStore, line: str, version: str, name: str, path: Path) -> str:
    """Fetch one file of a version and return its SHA-256, which was checked.

    Raises:
        StoreError: There is no such version or file, it is damaged, or the store does not answer.
        OSError: The file cannot be written.
    """
    model = show_model(store, line, version)
    if name not in model.files:
        raise StoreError(
            f"version {version} of line {line} has no file {name}; it has: {', '.join(sorted(model.files))}"
        )
    return store.get_file(_key(line, version, name), path, model.files[name].sha256)


def is_complete(store: ObjectStore, line: str, version: str) -> bool:
    """Whether there is such a version.

    Raises:
        StoreError: Its manifest is damaged, or the store does not answer.
    """
    return _find(store, check_line(line), check_version(version)) is not None


def _begun(store: ObjectStore, line: str) -> Iterator[str]:
    """Names of all versions that were ever begun, complete or not."""
    return (name for name in store.list_folders(f"{ROOT}/{line}/") if VERSION.fullmatch(name))


def _find(store: ObjectStore, line: str, version: str) -> ModelVersion | None:
    key = _key(line, version, MANIFEST)
    found = find_sealed(store, key, ModelVersion)
    if found is None:
        return None
    model, _ = found
    if (model.line, model.version) != (line, version) or _content(model.labels, model.files) != model.content:
        raise damaged(key, "it describes another version")
    return model


def _content(labels: ModelLabels, files: Mapping[str, FileRecord]) -> str:
    described = asdict(labels)
    if not labels.score_kinds:  # a version from before they were kept has the digest that it had
        del described["score_kinds"]
    return json_sha256({"labels": described, "files": {name: asdict(record) for name, record in files.items()}})


def _finite(score: float | None) -> float | None:
    """JSON has no word for what was not measured but null."""
    return score if score is not None and math.isfinite(score) else None


def _model_files(folder: Path) -> dict[str, Path]:
    if not (folder / "model.json").is_file():
        raise StoreError(f"{folder} is no model folder: it has no model.json; register what the statistics stage wrote")
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        f"{MODEL}{check_model_file(path.relative_to(folder).as_posix())}": path
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def _key(line: str, version: str, name: str) -> str:
    return f"{ROOT}/{line}/{version}/{name}"
