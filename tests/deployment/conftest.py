from collections.abc import Iterator
from pathlib import Path

import pytest

from csad.deployment import exchange as deployment_exchange
from csad.deployment.cluster import Cluster
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings
from tests.deployment.api_server import Pods, running, write_kubeconfig
from tests.deployment.scene import Scene


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """A real S3 server for tests that keep to a folder of their own in it."""
    with EmbeddedStore(tmp_path_factory.mktemp("shared-s3")) as running_server:
        yield running_server


@pytest.fixture
def scene(shared_server: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A line to deploy; the environment names the store and the cluster."""
    for name, value in (shared_server.environment | {"CSAD_STORE_PREFIX": tmp_path.name}).items():
        monkeypatch.setenv(name, value)
    with running() as api:
        write_kubeconfig(tmp_path / "config", api.address)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        monkeypatch.setattr(deployment_exchange, "open_channel", lambda cluster, name: Pods(api, name))
        store = ObjectStore.connect(StoreSettings.from_environment())
        yield Scene(api, Cluster.connect("lines"), store, tmp_path)
