import pytest

from pipelines.shape import Shape
from pipelines.training import training, training_locally
from tests.pipelines.compiled import COMMITTED, Compiled, compiled
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


@pytest.fixture(scope="session")
def gpu():
    """The committed training pipeline."""
    return Compiled((COMMITTED / "training.yaml").read_text())


@pytest.fixture(scope="session")
def cpu(tmp_path_factory):
    return Compiled(compiled(training(Shape(), gpu=False), tmp_path_factory.mktemp("cpu")))


@pytest.fixture(scope="session")
def here(tmp_path_factory):
    return Compiled(compiled(training_locally(Shape()), tmp_path_factory.mktemp("here")))


@pytest.fixture(scope="session")
def full(tmp_path_factory):
    """Foundation models that name the parts themselves, and two tasks for the masks."""
    shape = Shape(foundation=True, asks_tagger=True, shards=2)
    return Compiled(compiled(training(shape, gpu=True), tmp_path_factory.mktemp("full")))


@pytest.fixture(scope="session")
def deploying():
    """The committed promotion pipeline."""
    return Compiled((COMMITTED / "promotion.yaml").read_text())
