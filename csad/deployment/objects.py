"""The Kubernetes objects of a line, from the templates beside this module."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml

from csad.common.hashing import json_sha256
from csad.config.line import ProductLine
from csad.deployment.cluster import Object
from csad.deployment.names import (
    MANAGED_BY,
    MANAGER,
    TEMPLATE_DIGEST,
    VERIFIED,
    VERSION_LABEL,
    ServingNames,
    Slot,
)

PullPolicy = Literal["IfNotPresent", "Always", "Never"]
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
STORE_PORTS = (8333, 9000)
"""SeaweedFS and MinIO."""

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class DeploymentTarget:
    """What is to be served, and where.

    Attributes:
        line: Product line; `line.deployment` says how it is served.
        version: Registered version.
        image: The generic serving image.
        namespace: Namespace of the cluster.
        store_secret: Secret in the namespace with the store's endpoint, bucket, access_key and secret_key.
        token_secret: Secret whose key `token` clients must send; where there is none, no token is asked for.
        pull_policy: Pull policy of the image.
    """

    line: ProductLine
    version: str
    image: str
    namespace: str = "csad"
    store_secret: str = "csad-store"
    token_secret: str = "csad-token"
    pull_policy: PullPolicy = "IfNotPresent"


@dataclass(frozen=True)
class ServingObjects:
    """Renders the objects of one target.

    Attributes:
        target: What is to be served.
        sha256: SHA-256 of its bento.tar.gz.
        store_url: Address of the store, for the network policy.
    """

    target: DeploymentTarget
    sha256: str
    store_url: str

    @property
    def names(self) -> ServingNames:
        """Names and labels of the line."""
        return ServingNames(self.target.line.name, self.target.namespace)

    def main(self) -> Object:
        """The Deployment that serves the line; replicas are not in it."""
        settings = self.target.line.deployment
        bridged = settings.strategy == "blue_green"
        return self._deployment(
            Slot.MAIN, gpus=settings.gpus, max_surge=0 if bridged else 1, max_unavailable="100%" if bridged else 0
        )

    def candidate(self, replicas: int) -> Object:
        """The Deployment in which a version is tried apart from all traffic; on CPU where it bridges an exchange."""
        settings = self.target.line.deployment
        gpus = 0 if settings.strategy == "blue_green" else settings.gpus
        manifest = self._deployment(Slot.CANDIDATE, gpus=gpus, max_surge=1, max_unavailable=0)
        manifest["spec"]["replicas"] = replicas
        return manifest

    def service(self, slot: Slot, selects: Slot) -> Object:
        """The Service of a slot, sending requests to the pods of the same or the other one."""
        names = self.names
        return fill(
            "service",
            name=names.of(slot),
            namespace=names.namespace,
            labels=names.labels(slot),
            selector=names.selector(selects),
        )

    def network_policy(self) -> Object:
        """Who may talk to the pods, and to whom they may."""
        url = urlsplit(self.store_url)
        ports = {url.port or DEFAULT_PORTS.get(url.scheme, 443), *STORE_PORTS}
        return self._supporting(
            "network_policy", store_ports=[{"port": port, "protocol": "TCP"} for port in sorted(ports)]
        )

    def autoscaler(self) -> Object:
        """The autoscaler (autoscaling/v2)."""
        settings = self.target.line.deployment
        return self._supporting(
            "autoscaler", minimum_replicas=settings.minimum_replicas, maximum_replicas=settings.maximum_replicas
        )

    def disruption_budget(self, policy_version: str) -> Object:
        """The disruption budget, for policy/v1 or policy/v1beta1."""
        return self._supporting("disruption_budget", policy_version=policy_version)

    def service_monitor(self) -> Object:
        """What tells the Prometheus operator to collect /metrics."""
        return self._supporting("service_monitor")

    def _supporting(self, template: str, **values: object) -> Object:
        names = self.names
        shared = {
            "name": names.main,
            "namespace": names.namespace,
            "labels": names.labels(),
            "selector": names.selector(Slot.MAIN),
            "instance": names.instance,
        }
        return fill(template, **shared | values)

    def _deployment(self, slot: Slot, gpus: int, max_surge: int, max_unavailable: int | str) -> Object:
        target, names = self.target, self.names
        manifest = fill(
            "deployment",
            name=names.of(slot),
            namespace=names.namespace,
            labels=names.labels(slot),
            selector=names.selector(slot),
            pod_labels=names.labels(slot) | {VERSION_LABEL: target.version},
            pod_annotations={},
            max_surge=max_surge,
            max_unavailable=max_unavailable,
            image=target.image,
            pull_policy=target.pull_policy,
            line=target.line.name,
            version=target.version,
            sha256=self.sha256,
            store_secret=target.store_secret,
            serve_env=self._environment(gpus),
            resources=self._resources(gpus),
            tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}] if gpus else [],
        )
        template = manifest["spec"]["template"]
        template["metadata"]["annotations"] = {TEMPLATE_DIGEST: _digest(template)}
        return manifest

    def _environment(self, gpus: int) -> list[Object]:
        values = {
            "CSAD_MODEL_VERSION": self.target.version,
            "CSAD_DEVICE": "cuda" if gpus else "cpu",
            "HOME": "/tmp",
            "BENTOML_HOME": "/tmp/bentoml",
        }
        if not gpus:
            values["NVIDIA_VISIBLE_DEVICES"] = "void"
        reference = {"name": self.target.token_secret, "key": "token", "optional": True}
        token = {"name": "CSAD_TOKEN", "valueFrom": {"secretKeyRef": reference}}
        return [*({"name": name, "value": value} for name, value in values.items()), token]

    def _resources(self, gpus: int) -> Object:
        settings = self.target.line.deployment
        extended = {"nvidia.com/gpu": str(gpus)} if gpus else {}
        memory = {"memory": settings.memory}
        return {"requests": {"cpu": f"{round(1000 * settings.cpu)}m"} | memory | extended, "limits": memory | extended}


def template_digest(deployment: Object) -> str:
    """Which template a live Deployment has; empty where it is not one of ours."""
    metadata = deployment["spec"]["template"].get("metadata", {})
    return str((metadata.get("annotations") or {}).get(TEMPLATE_DIGEST, ""))


def served_version(deployment: Object) -> str:
    """Which version a Deployment, live or not, is meant to serve."""
    return str(deployment["spec"]["template"]["metadata"]["labels"].get(VERSION_LABEL, "unknown"))


def with_verified(manifest: Object, verified: Object | None) -> Object:
    """Add to a Deployment what to go back to: the last manifest that passed its smoke test."""
    if verified is None:
        return manifest
    bare = verified | {"metadata": {**verified["metadata"], "annotations": {}}}
    annotations = {VERIFIED: json.dumps(bare, sort_keys=True, separators=(",", ":"))}
    return manifest | {"metadata": {**manifest["metadata"], "annotations": annotations}}


def verified_manifest(deployment: Object | None) -> Object | None:
    """What a live Deployment says it was before: the last manifest that passed its smoke test, or None."""
    annotations = ((deployment or {}).get("metadata", {}).get("annotations")) or {}
    try:
        manifest = json.loads(annotations[VERIFIED])
    except (KeyError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def is_ours(deployment: Object) -> bool:
    """Whether csad made a live Deployment, and not somebody by hand."""
    return bool((deployment["metadata"].get("labels") or {}).get(MANAGER) == MANAGED_BY)


def as_manifest(deployment: Object) -> Object:
    """What to apply to get a live Deployment again; replicas are not in it."""
    metadata = {key: deployment["metadata"][key] for key in ("name", "namespace", "labels")}
    spec = {key: value for key, value in deployment["spec"].items() if key != "replicas"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def fill(template: str, **values: object) -> Object:
    """Load a template and fill in its values; a value keeps its type where it stands alone.

    Raises:
        KeyError: A placeholder without a value.
    """
    filled = _filled(yaml.safe_load(_text(template)), values)
    assert isinstance(filled, dict)
    return filled


@cache
def _text(template: str) -> str:
    return resources.files("csad.deployment").joinpath("templates", f"{template}.yaml").read_text(encoding="utf-8")


def _filled(node: Any, values: Mapping[str, object]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, values) for value in node]
    if not isinstance(node, str):
        return node
    alone = PLACEHOLDER.fullmatch(node)
    if alone:
        return values[alone[1]]
    return PLACEHOLDER.sub(lambda found: str(values[found[1]]), node)


def _digest(template: Object) -> str:
    return json_sha256(template)[:16]
