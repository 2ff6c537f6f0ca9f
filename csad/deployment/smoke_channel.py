"""Reaching a Service from inside the cluster, or through the API server from outside."""

import http.client
import logging
import os
from collections.abc import Mapping

from kubernetes import client
from kubernetes.stream import portforward

from csad.common.errors import DeploymentError
from csad.deployment.cluster import Cluster, Kind
from csad.packaging.smoke import Answer, Channel

IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
"""Set in every pod."""

REQUEST_SECONDS = 60.0
POD_PORT = 3000

_log = logging.getLogger(__name__)


class DirectChannel:
    """Requests to an address."""

    def __init__(self, address: str) -> None:
        """`address` is "host:port"."""
        self._address = address

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request over a connection of its own, so that a Service chooses a pod each time."""
        return _post(http.client.HTTPConnection(self._address, timeout=REQUEST_SECONDS), path, body, headers)


class ForwardedChannel:
    """Requests through the API server to the pods that a Service selects, one after the other."""

    def __init__(self, cluster: Cluster, selector: Mapping[str, str]) -> None:
        """`selector` is the Service's."""
        self._cluster = cluster
        self._selector = dict(selector)
        self._turn = 0

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request to the next ready pod."""
        pods = [pod["metadata"]["name"] for pod in self._cluster.select(Kind.POD, self._selector) if _ready(pod)]
        if not pods:
            raise ConnectionError("no pod is ready")
        self._turn += 1
        pod = sorted(pods)[self._turn % len(pods)]
        # The stream replaces the request method of the client that it is given.
        core = client.CoreV1Api(client.ApiClient(self._cluster.api.configuration))
        try:
            forward = portforward(
                core.connect_get_namespaced_pod_portforward, pod, self._cluster.namespace, ports=str(POD_PORT)
            )
        except client.ApiException as error:
            raise DeploymentError(
                f"cannot reach pod {pod} through the API server: {error.reason}; the right to create pods/portforward "
                f"in namespace {self._cluster.namespace} is needed, or deploy from inside the cluster"
            ) from None
        connection = http.client.HTTPConnection("localhost", POD_PORT, timeout=REQUEST_SECONDS)
        connection.sock = forward.socket(POD_PORT)
        return _post(connection, path, body, headers)


def open_channel(cluster: Cluster, service: str) -> Channel:
    """Choose the way to a Service: straight from a pod, else through the API server.

    Raises:
        DeploymentError: There is no such Service.
    """
    found = cluster.find(Kind.SERVICE, service)
    if found is None:
        raise DeploymentError(f"namespace {cluster.namespace} has no Service {service}; run `csad deploy` for its line")
    address, port = found["spec"]["clusterIP"], found["spec"]["ports"][0]["port"]
    if IN_CLUSTER in os.environ:
        return DirectChannel(f"{address}:{port}")
    _log.info("this is not a pod of the cluster: reaching %s through the API server", service)
    return ForwardedChannel(cluster, found["spec"]["selector"])


def _post(connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    try:
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except http.client.HTTPException as error:
        raise ConnectionError(f"the connection broke ({type(error).__name__})") from None
    finally:
        connection.close()


def _ready(pod: Mapping[str, object]) -> bool:
    metadata, status = pod["metadata"], pod.get("status", {})
    if not isinstance(metadata, dict) or not isinstance(status, dict) or metadata.get("deletionTimestamp"):
        return False
    conditions = status.get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
