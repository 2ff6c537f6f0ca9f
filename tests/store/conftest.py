from pathlib import Path

import pytest
from PIL import Image

from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings


@pytest.fixture
def store(own_store: StoreSettings) -> ObjectStore:
    """An empty store."""
    return ObjectStore.connect(own_store)


@pytest.fixture
def requests(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Methods and paths of the requests that the store's client sends, as they are sent."""
    pool = store._client._http
    send = pool.urlopen
    sent: list[str] = []

    def recording(method, url, **rest):
        sent.append(f"{method} {url.partition('/csad/')[2]}")
        return send(method, url, **rest)

    monkeypatch.setattr(pool, "urlopen", recording)
    return sent


def draw(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (value % 256, value // 256, 7)).save(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """LOCO layout: 6 train, 3 validation, 2 + 2 test images, a mask per anomaly, a configuration: 16 files."""
    root = tmp_path / "data"
    for index in range(6):
        draw(root / "train" / "good" / f"{index}.png", index)
    for index in range(3):
        draw(root / "validation" / "good" / f"{index}.png", 100 + index)
    for index in range(2):
        draw(root / "test" / "good" / f"{index}.png", 200 + index)
        draw(root / "test" / "logical_anomalies" / f"{index}.png", 300 + index)
        draw(root / "ground_truth" / "logical_anomalies" / str(index) / "000.png", 400 + index)
    (root / "defects_config.json").write_text("[]")
    return root


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a model to the registry."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text('{"format": 1}')
    (folder / "backbone.safetensors").write_bytes(bytes(range(256)) * 40)
    return folder
