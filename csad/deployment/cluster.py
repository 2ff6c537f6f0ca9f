"""One namespace of a Kubernetes cluster: server-side apply, look, delete; failures in words."""

import json
import os
import time
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
from urllib3.exceptions import HTTPError, SSLError

from csad.common.errors import DeploymentError
from csad.common.patience import Patience, keep_trying
from csad.deployment.cluster_api import connection

T = TypeVar("T")
Object = dict[str, Any]
"""A Kubernetes object as its API gives it."""

FIELD_MANAGER = "csad"
PATIENCE = 20.0
"""Seconds for which an API server that does not answer is asked again, at least: it may be restarted for an upgrade."""

PASSING = frozenset({429, 500, 502, 503, 504})

NO_FILE = f"{os.devnull}/none"
"""Where the client keeps what a cluster offers. The file that it shares with other programs would remember the kinds of
yesterday's cluster. It reads it once, where there is one, and continues where it cannot write it: here it never can.
"""


class Type(NamedTuple):
    """An API and a kind in it."""

    api: str
    kind: str


class Kind(Enum):
    """What a line and its runs consist of in a cluster."""

    DEPLOYMENT = Type("apps/v1", "Deployment")
    REPLICA_SET = Type("apps/v1", "ReplicaSet")
    POD = Type("v1", "Pod")
    SERVICE = Type("v1", "Service")
    EVENT = Type("v1", "Event")
    LEASE = Type("coordination.k8s.io/v1", "Lease")
    AUTOSCALER = Type("autoscaling/v2", "HorizontalPodAutoscaler")
    DISRUPTION_BUDGET = Type("policy/v1", "PodDisruptionBudget")
    OLD_DISRUPTION_BUDGET = Type("policy/v1beta1", "PodDisruptionBudget")
    NETWORK_POLICY = Type("networking.k8s.io/v1", "NetworkPolicy")
    SERVICE_MONITOR = Type("monitoring.coreos.com/v1", "ServiceMonitor")
    NAMESPACE = Type("v1", "Namespace")
    NODE = Type("v1", "Node")
    SECRET = Type("v1", "Secret")
    SERVICE_ACCOUNT = Type("v1", "ServiceAccount")
    VOLUME_CLAIM = Type("v1", "PersistentVolumeClaim")
    STORAGE_CLASS = Type("storage.k8s.io/v1", "StorageClass")
    WORKFLOW = Type("argoproj.io/v1alpha1", "Workflow")


class ClusterConflict(DeploymentError):  # noqa: N818 - named for what happened
    """Somebody else wrote the object first, or created it."""


class Cluster:
    """A namespace, and what a deployer does there. One thread may use it at a time."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        """Use `connect`, which finds the cluster."""
        self.api = api
        self.namespace = namespace
        self._dynamic = self._do(self._discovered, "ask the cluster what it offers")

    @classmethod
    def connect(cls, namespace: str, context: str | None = None) -> Self:
        """Connect as the service account of this pod, or with the kubeconfig of this user.

        Args:
            namespace: Namespace of everything that is done; it must exist.
            context: Context of the kubeconfig; its current one unless given.

        Raises:
            DeploymentError: There is no configuration, or the cluster does not answer.
        """
        settings = client.Configuration()
        try:
            if context is None and Path(config.incluster_config.SERVICE_TOKEN_FILENAME).is_file():
                config.load_incluster_config(client_configuration=settings)
            else:
                # The library looks at KUBECONFIG only once, when it is imported.
                file = os.environ.get("KUBECONFIG") or None
                config.load_kube_config(file, context=context, client_configuration=settings)
        except config.ConfigException as error:
            raise DeploymentError(
                f"no Kubernetes cluster is set up: {error}; set KUBECONFIG, or run where `kubectl get pods` works"
            ) from None
        return cls(connection(settings), namespace)

    def clone(self) -> Self:
        """Another connection to the same namespace, for another thread."""
        return type(self)(connection(self.api.configuration), self.namespace)

    def offers(self, kind: Kind) -> bool:
        """Whether the server has this version of this kind.

        Raises:
            DeploymentError: The server does not answer.
        """
        try:
            # For a kind that it does not know, the client asks the server once more.
            self._do(lambda: self._resource(kind), f"ask the cluster for {kind.value.kind} in {kind.value.api}")
        except ResourceNotFoundError:
            return False
        return True

    def apply(self, manifest: Object) -> Object:
        """Bring an object to what its manifest says; fields that it leaves out stay with their other owners.

        Raises:
            DeploymentError: The server refuses; the message has its reason.
        """
        kind = Kind(Type(manifest["apiVersion"], manifest["kind"]))
        name = manifest["metadata"]["name"]
        return self._do(
            lambda: self._dynamic.server_side_apply(
                self._resource(kind),
                body=manifest,
                name=name,
                namespace=self.namespace,
                field_manager=FIELD_MANAGER,
                force_conflicts=True,
            ).to_dict(),
            f"apply {kind.value.kind} {name}",
        )

    def find(self, kind: Kind, name: str) -> Object | None:
        """Return an object, or None where there is none.

        Raises:
            DeploymentError: The server refuses or does not answer.
        """

        def get() -> Object:
            resource = self._resource(kind)
            found = self._dynamic.get(resource, name=name, namespace=self.namespace)
            return dict(found.to_dict())

        try:
            return self._do(get, f"read {kind.value.kind} {name}")
        except _Absent:
            return None

    def select(self, kind: Kind, labels: Mapping[str, str] | None = None, fields: str | None = None) -> list[Object]:
        """Return the objects with these labels or fields.

        Raises:
            DeploymentError: The server refuses or does not answer.
        """
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items()) or None
        found = self._do(
            lambda: self._dynamic.get(
                self._resource(kind),
                namespace=self.namespace,
                label_selector=selector,
                field_selector=fields,
            ).to_dict(),
            f"list {kind.value.kind}s",
        )
        return list(found["items"])

    def create(self, kind: Kind, body: Object) -> Object:
        """Create an object.

        Raises:
            ClusterConflict: It exists.
            DeploymentError: The server refuses or does not answer.
        """
        return self._do(
            lambda: self._dynamic.create(self._resource(kind), body=body, namespace=self.namespace).to_dict(),
            f"create {kind.value.kind} {body['metadata']['name']}",
        )

    def replace(self, kind: Kind, body: Object) -> Object:
        """Replace an object, if it is still the one whose resourceVersion the body has.

        Raises:
            ClusterConflict: It changed.
            DeploymentError: The server refuses or does not answer.
        """
        return self._do(
            lambda: self._dynamic.replace(self._resource(kind), body=body, namespace=self.namespace).to_dict(),
            f"replace {kind.value.kind} {body['metadata']['name']}",
        )

    def delete(self, kind: Kind, name: str, wait_seconds: float = 0) -> bool:
        """Delete an object and what belongs to it.

        Args:
            kind: Its kind.
            name: Its name.
            wait_seconds: How long to wait until it and what belongs to it are gone; 0 does not wait.

        Returns:
            Whether there was one.

        Raises:
            DeploymentError: The server refuses, or the object is still there after the wait.
        """
        policy = "Foreground" if wait_seconds else "Background"
        try:
            self._do(
                lambda: self._dynamic.delete(
                    self._resource(kind),
                    name=name,
                    namespace=self.namespace,
                    body={"propagationPolicy": policy},
                ),
                f"delete {kind.value.kind} {name}",
            )
        except _Absent:
            return False
        deadline = time.monotonic() + wait_seconds
        while wait_seconds and self.find(kind, name) is not None:
            if time.monotonic() > deadline:
                raise DeploymentError(
                    f"{kind.value.kind} {name} in namespace {self.namespace} is still there {wait_seconds:.0f} s after "
                    "it was deleted; look for finalizers and for pods that do not end, then run again"
                )
            time.sleep(0.5)
        return True

    def scale(self, name: str, replicas: int) -> None:
        """Set the number of replicas, leaving nobody's mark on the field.

        Raises:
            DeploymentError: The server refuses or does not answer.
        """
        self._do(
            lambda: client.AppsV1Api(self.api).patch_namespaced_deployment_scale(
                name, self.namespace, {"spec": {"replicas": replicas}}
            ),
            f"scale Deployment {name}",
        )

    def log_tail(self, pod: str, container: str, previous: bool, lines: int = 5) -> list[str]:
        """Return the last lines that a container printed; none where there is no log."""
        try:
            text = client.CoreV1Api(self.api).read_namespaced_pod_log(
                pod,
                self.namespace,
                container=container,
                previous=previous,
                tail_lines=lines,
            )
        except (ApiException, HTTPError):
            return []
        return [line.strip() for line in str(text).splitlines() if line.strip()]

    def _discovered(self) -> DynamicClient:
        return DynamicClient(self.api, cache_file=NO_FILE)

    def _resource(self, kind: Kind) -> Any:
        try:
            return self._dynamic.resources.get(api_version=kind.value.api, kind=kind.value.kind)
        except KeyError:
            # A lookup that an outage cut off leaves the client (30.1.0) with half a cache, for good.
            self._dynamic = self._discovered()
            return self._dynamic.resources.get(api_version=kind.value.api, kind=kind.value.kind)

    def _do(self, work: Callable[[], T], what: str) -> T:
        host = self.api.configuration.host
        try:
            return keep_trying(work, _passing, f"{what} (the Kubernetes API at {host})", Patience(PATIENCE))
        except (ApiException, DynamicApiError) as error:
            raise self._explained(error, what) from None
        except (HTTPError, OSError) as error:
            raise DeploymentError(
                f"cannot {what}: the Kubernetes API at {host} does not answer ({type(error).__name__}); "
                "check that the cluster runs and that this machine may reach it"
            ) from None

    def _explained(self, error: ApiException, what: str) -> DeploymentError:
        status = int(error.status or 0)
        start = f"cannot {what} in namespace {self.namespace}"
        reason = _message(error)
        if status == 404:
            return _Absent(f"{start}: {reason}")
        if status == 409:
            return ClusterConflict(f"{start}: {reason}")
        if status == 403:
            return DeploymentError(f"{start}: {reason}; the service account needs the Role of manifests/base for this")
        if status == 401:
            return DeploymentError(f"{start}: the cluster does not know these credentials; log in again")
        return DeploymentError(f"{start}: {reason}")


class _Absent(DeploymentError):  # noqa: N818 - named for what was found
    """There is no such object, or no such namespace."""


def _passing(error: Exception) -> str | None:
    if isinstance(error, ApiException | DynamicApiError):
        return f"HTTP status {error.status}" if error.status in PASSING else None
    if isinstance(getattr(error, "reason", error), SSLError):
        return None
    return type(error).__name__ if isinstance(error, HTTPError | OSError) else None


def _message(error: ApiException) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.strip()[:300] or str(error.reason or f"HTTP status {error.status}")
