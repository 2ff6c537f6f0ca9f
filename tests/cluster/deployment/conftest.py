"""A scene of its own for the deployment tests, on the cluster of tests/cluster."""

import base64
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from csad.deployment.cluster import Cluster
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from tests.cluster.deployment.scene import IMAGE, ROOT, Scene, context_of_image

ROLE = ROOT / "manifests" / "base" / "serving" / "role-deployer.yaml"


@pytest.fixture(scope="session")
def stand_in_image(docker, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The serving image with a double of the scorer."""
    folder = tmp_path_factory.mktemp("image")
    context_of_image(folder)
    docker.run("docker", "build", "--quiet", "--tag", IMAGE, folder)
    return IMAGE


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def scene(cluster, stand_in_image: str, s3: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A fresh namespace; the deployer in it has the rights of manifests/base and no others."""
    namespace = f"deploy-{uuid.uuid4().hex[:6]}"
    folder = tmp_path_factory.mktemp("scene")
    cluster.kubectl("create", "namespace", namespace)
    try:
        kubeconfig = _deployer(cluster, namespace, folder)
        settings = s3.settings
        for name, port in (("csad-store", settings.endpoint.rpartition(":")[2]), ("dead-store", "9")):
            cluster.make_store_secret(namespace, name, port, settings)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KUBECONFIG", str(kubeconfig))
            patch.setenv("KUBERNETES_SERVICE_HOST", "reached-straight")
            yield Scene(namespace, Cluster.connect(namespace), s3, ObjectStore.connect(settings), folder)
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def _deployer(cluster, namespace: str, folder: Path) -> Path:
    """A kubeconfig with the token of csad-deployer, bound to the Role that the manifests give it."""
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "csad-deployer")
    documents = [one for one in yaml.safe_load_all(ROLE.read_text()) if one]
    cluster.kubectl("-n", namespace, "apply", "-f", "-", text=yaml.safe_dump_all(documents))
    admin = yaml.safe_load(cluster.kubectl("config", "view", "--raw", "--minify", "--flatten"))
    kubeconfig = folder / "kubeconfig"
    user = [{"name": "deployer", "user": {"token": _token(cluster, namespace)}}]
    context = [{"name": "test", "context": {"cluster": admin["clusters"][0]["name"], "user": "deployer"}}]
    content = {"apiVersion": "v1", "kind": "Config", "clusters": admin["clusters"], "users": user}
    kubeconfig.write_text(json.dumps(content | {"contexts": context, "current-context": "test"}))
    return kubeconfig


def _token(cluster, namespace: str) -> str:
    """The account's token: older servers keep one in a secret, newer ones make one when asked."""
    account = json.loads(cluster.kubectl("-n", namespace, "get", "serviceaccount", "csad-deployer", "-o", "json"))
    for secret in account.get("secrets", []):
        found = json.loads(cluster.kubectl("-n", namespace, "get", "secret", secret["name"], "-o", "json"))
        return base64.b64decode(found["data"]["token"]).decode()
    return cluster.kubectl("-n", namespace, "create", "token", "csad-deployer")
