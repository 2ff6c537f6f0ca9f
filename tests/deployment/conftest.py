from collections.abc import Iterator
from pathlib import Path

import pytest

from csad.deployment import exchange as deployment_exchange
from csad.deployment.cluster import Cluster
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings
from tests.deployment.api_server import Pods, running, write_kubeconfig
from tests.deployment.scene import Scene


@pytest.fixture
def scene(named_store: StoreSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A line to deploy; the environment names the store and the cluster."""
    with running() as api:
        write_kubeconfig(tmp_path / "config", api.address)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        monkeypatch.setattr(deployment_exchange, "open_channel", lambda cluster, name: Pods(api, name))
        store = ObjectStore.connect(named_store)
        yield Scene(api, Cluster.connect("lines"), store, tmp_path)
