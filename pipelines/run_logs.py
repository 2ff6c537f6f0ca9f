"""What a task printed: Kubeflow's launcher keeps it as the artifact `executor-logs`, one file for each attempt.

The launcher writes <pipeline root>/<pipeline>/<run>/<task>/<some id>/executor-logs-<attempt>, in the object store of
Kubeflow (2.17), which need not be the one of csad. Its root is written as Kubeflow does: minio://mlpipeline/v2/artifacts,
s3://bucket/folder?endpoint=http://localhost:9000.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import parse_qs, urlsplit

from csad.common.errors import StoreError
from csad.store.client import CONNECT_SECONDS, make_client
from csad.store.objects import ObjectStore
from csad.store.retry import CONNECTING
from csad.store.settings import StoreSettings
from kfp_client.names import PROMOTION, TRAINING

DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"
LOG_BYTES = 2**16
"""The end of a log that is read; the whole may be 50 MB."""
OWN_ERROR = re.compile(r"^Error: ")
LAST_LINES = 12


@dataclass(frozen=True)
class TaskLog:
    """The end of what a task printed.

    Attributes:
        source: Where it was read.
        lines: The last lines.
        error: Our own message, if it ended with one.
    """

    source: str
    lines: tuple[str, ...]
    error: str | None

    @classmethod
    def of(cls, source: str, text: str) -> Self:
        """Find our own message in a text: from its last "Error: task: ..." on."""
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        starts = [index for index, line in enumerate(lines) if OWN_ERROR.match(line)]
        error = "\n".join(lines[starts[-1] :]).removeprefix("Error: ") if starts else None
        return cls(source, tuple(lines[-LAST_LINES:]), error)


class RunLogs:
    """The logs of one run in an object store."""

    def __init__(self, store: ObjectStore, run: str) -> None:
        self._store = store
        folders = [f"{pipeline}/{run}/" for pipeline in (TRAINING, PROMOTION)]
        self._keys = [key for folder in folders for key in store.list(folder) if "/executor-logs" in key]

    @classmethod
    def open(cls, root: str, run: str) -> Self:
        """Look for a run's logs.

        Args:
            root: Kubeflow's pipeline root; what it leaves out is as CSAD_STORE_* and AWS_* say.
            run: Id of the run.

        Raises:
            StoreError: The root is none, no keys are set, or the store does not answer.
        """
        settings = artifact_settings(root)
        # Not `connect`, which would make a bucket where there is none.
        client = make_client(settings, silence=CONNECT_SECONDS)
        return cls(ObjectStore(settings, client, CONNECTING), run)

    def last(self, stage: str) -> TaskLog | None:
        """The log of a stage's last attempt, or None where there is none; of several in a loop, one that failed.

        Raises:
            StoreError: The store does not answer.
        """
        folders: dict[str, list[str]] = {}
        for key in self._keys:
            if key.split("/")[2] == stage:
                folders.setdefault(key.rpartition("/")[0], []).append(key)
        logs = [self._read(max(keys, key=_attempt)) for keys in folders.values()]
        return next((log for log in logs if log.error), logs[-1] if logs else None)

    def _read(self, key: str) -> TaskLog:
        settings = self._store.settings
        text = self._store.read_end(key, LOG_BYTES).decode("utf-8", errors="replace")
        return TaskLog.of(f"s3://{settings.bucket}/{settings.prefix}{key}", text)


def artifact_settings(root: str, environment: Mapping[str, str] | None = None) -> StoreSettings:
    """The store of a pipeline root.

    Raises:
        StoreError: It is no root of an S3 store, or no store is set up.
    """
    parts = urlsplit(root)
    if parts.scheme not in ("minio", "s3") or not parts.netloc:
        raise StoreError(
            f"{root!r} is no pipeline root that can be read here; expected minio://BUCKET/FOLDER or s3://BUCKET/FOLDER"
        )
    settings = StoreSettings.from_environment(environment)
    prefix = parts.path.strip("/")
    settings = replace(settings, bucket=parts.netloc, prefix=f"{prefix}/" if prefix else "")
    endpoint = parse_qs(parts.query).get("endpoint", [""])[-1]
    if not endpoint:
        return settings
    address = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
    return replace(settings, endpoint=address.netloc, secure=address.scheme == "https")


def _attempt(key: str) -> tuple[int, str]:
    """Files of earlier attempts carry smaller numbers; Kubeflow before 2.16 keeps one file without a number."""
    number = key.rpartition("executor-logs-")[2]
    return (int(number) if number.isdigit() else -1, key)
