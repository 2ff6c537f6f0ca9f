"""A Kubeflow Pipelines server: pipelines, experiments, runs and recurring runs, through the published client."""

import io
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import kfp
import yaml
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials
from kfp_server_api import ApiException, V2beta1Pipeline, V2beta1RecurringRun
from urllib3.exceptions import HTTPError

from csad.common.errors import CsadError
from csad.common.hashing import file_sha256
from kfp_client.server_patience import be_patient

ENDPOINT = "KFP_ENDPOINT"
TOKEN = "KFP_EXISTING_TOKEN"
"""Environment variable that the kfp command reads, too."""
NAMESPACE = "KFP_NAMESPACE"
POD_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
"""Where Kubeflow mounts a pod's own token for the pipeline server, where it is set up for several users."""
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod reads its namespace; on a server with several users it is that of whose run it is."""
PAGE = 100
NAME = re.compile(r"^pipelineInfo:\n(?:  .*\n)*?  name: ([a-z0-9-]+)$", re.MULTILINE)


class PipelineServerError(CsadError):
    """The pipeline server is not named, does not answer, or refuses."""


@dataclass(frozen=True)
class PipelineVersion:
    """A pipeline on the server.

    Attributes:
        pipeline: Id of the pipeline.
        version: Id of the version.
        name: Name of the version.
    """

    pipeline: str
    version: str
    name: str


class Server:
    """A server that answers."""

    def __init__(self, client: kfp.Client, endpoint: str, namespace: str | None, several_users: bool) -> None:
        self._client = client
        self.endpoint = endpoint
        self.namespace = namespace
        self.several_users = several_users

    @classmethod
    def connect(cls, endpoint: str | None = None, namespace: str | None = None) -> Self:
        """Reach a server.

        Args:
            endpoint: Such as http://localhost:8888; that of KFP_ENDPOINT unless given.
            namespace: The user's, where the server has several; that of KFP_NAMESPACE unless given, or in a pod
                the pod's own.

        Raises:
            PipelineServerError: No server is named, or it does not answer.
        """
        host = endpoint or os.environ.get(ENDPOINT, "")
        if not host:
            raise PipelineServerError(
                f"no pipeline server is named; give --endpoint http://HOST:PORT, or set {ENDPOINT} (see kfp.env)"
            )
        user = namespace or os.environ.get(NAMESPACE) or None
        credentials = ServiceAccountTokenVolumeCredentials(str(POD_TOKEN)) if POD_TOKEN.is_file() else None
        with _asking(host), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            client = kfp.Client(
                host=host,
                namespace=user or "kubeflow",
                existing_token=os.environ.get(TOKEN) or None,
                credentials=credentials,
            )
            be_patient(client._run_api.api_client)
            several = bool(client.get_kfp_healthz(sleep_duration=1).multi_user)
            if several and user is None and POD_NAMESPACE.is_file():
                user = POD_NAMESPACE.read_text(encoding="utf-8").strip()
        return cls(client, host, user, several)

    def serving_namespace(self, asked: str | None) -> str | None:
        """Where models of runs are served, as `doctor` says it, too.

        Args:
            asked: What a command was told, if anything.

        Returns:
            That; else the user's own namespace where the server has several users; None leaves it to the pipeline.

        Raises:
            PipelineServerError: The server has several users and none is named.
        """
        if asked is not None or not self.several_users:
            return asked
        if self.namespace is None:
            raise PipelineServerError(
                f"the pipeline server at {self.endpoint} has several users, and it is not said whose namespace is "
                f"meant; give --kfp-namespace NAME, or set {NAMESPACE}"
            )
        return self.namespace

    def experiment(self, name: str) -> str:
        """Return the id of an experiment; it is made where there is none."""
        with _asking(self.endpoint):
            return str(self._client.create_experiment(name, namespace=self.namespace).experiment_id)

    def upload(self, package: Path) -> PipelineVersion:
        """Make sure that the server's latest version of a pipeline is a compiled file; the same file is stored once.

        Args:
            package: Compiled pipeline.

        Raises:
            PipelineServerError: The file is no pipeline, or the server refuses it.
        """
        name, version = pipeline_name(package), version_name(package)
        with _asking(self.endpoint):
            pipeline = self._pipeline(name)
            if pipeline is None:
                made = self._client.upload_pipeline(str(package), pipeline_name=name, namespace=self.namespace)
                pipeline = made.pipeline_id
            versions = self.versions(pipeline)
            if version not in versions.values():
                self._client.upload_pipeline_version(str(package), version, pipeline_id=pipeline)
                versions = self.versions(pipeline)
        found = next(key for key, value in versions.items() if value == version)
        return PipelineVersion(pipeline, found, version)

    def find(self, name: str) -> str | None:
        """Return the id of a pipeline, or None."""
        with _asking(self.endpoint):
            return self._pipeline(name)

    def versions(self, pipeline: str) -> dict[str, str]:
        """Return name by id of all versions of a pipeline, the newest first."""

        def page(token: str) -> Any:
            return self._client.list_pipeline_versions(
                pipeline, page_token=token, page_size=PAGE, sort_by="created_at desc"
            )

        with _asking(self.endpoint):
            return {
                str(found.pipeline_version_id): str(found.display_name) for found in _all(page, "pipeline_versions")
            }

    def run(
        self,
        pipeline: PipelineVersion,
        experiment: str,
        name: str,
        parameters: dict[str, object],
        service_account: str | None,
    ) -> str:
        """Start a run and return its id."""
        with _asking(self.endpoint):
            started = self._client.run_pipeline(
                experiment_id=self.experiment(experiment),
                job_name=name,
                params=parameters,
                pipeline_id=pipeline.pipeline,
                version_id=pipeline.version,
                service_account=service_account,
            )
        return str(started.run_id)

    def run_state(self, identity: str) -> str:
        """Return how a run stands: "PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED", ..."""
        with _asking(self.endpoint):
            return str(self._client.get_run(identity).state or "PENDING")

    def recurring_runs(self) -> list[V2beta1RecurringRun]:
        """Return all recurring runs of the namespace."""

        def page(token: str) -> Any:
            return self._client.list_recurring_runs(page_token=token, page_size=PAGE, namespace=self.namespace)

        with _asking(self.endpoint):
            return list(_all(page, "recurring_runs"))

    def create_recurring_run(self, **settings: Any) -> str:
        """Create a recurring run, settings as the published client names them, and return its id."""
        with _asking(self.endpoint):
            return str(self._client.create_recurring_run(**settings).recurring_run_id)

    def delete_recurring_run(self, identity: str) -> None:
        """Remove a recurring run; the runs that it started stay."""
        with _asking(self.endpoint):
            self._client.delete_recurring_run(identity)

    def set_recurring_run(self, identity: str, enabled: bool) -> None:
        """Let a recurring run start runs, or pause it."""
        with _asking(self.endpoint):
            (self._client.enable_recurring_run if enabled else self._client.disable_recurring_run)(identity)

    def experiment_name(self, identity: str) -> str:
        """Return the name of an experiment."""
        with _asking(self.endpoint):
            return str(self._client.get_experiment(experiment_id=identity).display_name)

    def _asking(self) -> AbstractContextManager[None]:
        return _asking(self.endpoint)

    @staticmethod
    def _all(page: Callable[[str], Any], field: str) -> Iterator[Any]:
        return _all(page, field)

    def _pipeline(self, name: str) -> str | None:
        def page(token: str) -> Any:
            return self._client.list_pipelines(page_token=token, page_size=PAGE, namespace=self.namespace)

        found: Iterator[V2beta1Pipeline] = _all(page, "pipelines")
        return next((str(pipeline.pipeline_id) for pipeline in found if pipeline.display_name == name), None)


def pipeline_name(package: Path) -> str:
    """Name of a compiled pipeline.

    Raises:
        PipelineServerError: The file is missing or no compiled pipeline.
    """
    try:
        found = NAME.search(package.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        found = None
    if found is None:
        raise PipelineServerError(f"{package} is no compiled pipeline; write it with `make compile`")
    return found[1]


def version_name(package: Path) -> str:
    """Name of the version that a compiled file is: it says what the file holds.

    Raises:
        PipelineServerError: The file cannot be read.
    """
    pipeline = pipeline_name(package)
    return f"{pipeline}-{file_sha256(package)[:12]}"


def _all(page: Callable[[str], Any], field: str) -> Iterator[Any]:
    token = ""
    while True:
        answer = page(token)
        yield from getattr(answer, field) or []
        token = answer.next_page_token or ""
        if not token:
            return


@contextmanager
def _asking(endpoint: str) -> Iterator[None]:
    """Turn the client's failures into one message; it also prints links, which are not for scripts.

    Raises:
        PipelineServerError: The server does not answer or refuses.
    """
    try:
        with redirect_stdout(io.StringIO()):
            yield
    except ApiException as error:
        raise PipelineServerError(
            f"the pipeline server at {endpoint} refused: {error.status} {error.reason}{_said(error)}{_remedy(error)}"
        ) from None
    except (HTTPError, TimeoutError) as error:
        raise PipelineServerError(
            f"the pipeline server at {endpoint} does not answer ({type(error).__name__}); check the address, or "
            "forward it: kubectl -n kubeflow port-forward svc/ml-pipeline 8888:8888"
        ) from None


def _said(error: ApiException) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        body = str(yaml.safe_load(body)["message"])
    except (yaml.YAMLError, KeyError, TypeError):
        body = " ".join(body.split())
    return f" ({body[:300]})" if body else ""


def _remedy(error: ApiException) -> str:
    if error.status in (401, 403):
        return f"; set {TOKEN} to a token that may do this, and {NAMESPACE} to your namespace"
    return ""
