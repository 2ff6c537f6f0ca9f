import pytest

from tests.services.kfp_server import KfpServer


@pytest.fixture
def kfp(monkeypatch, tmp_path):
    """A pipeline server; what did not conform to its API fails the test."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KFP_NAMESPACE", "KFP_EXISTING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with KfpServer() as server:
        monkeypatch.setenv("KFP_ENDPOINT", server.endpoint)
        yield server
    assert server.violations == []
