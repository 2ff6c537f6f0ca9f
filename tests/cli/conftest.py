import sys
from types import ModuleType

import pytest
from PIL import Image

from tests.cli.stub_scorer import ODD_NAMES, StubScorer


@pytest.fixture
def scorer(monkeypatch):
    stub = StubScorer()
    module = ModuleType("csad.scoring.scorer")
    module.Scorer = type("Scorer", (), {"load": staticmethod(lambda folder, device, runtime: stub)})
    monkeypatch.setitem(sys.modules, "csad.scoring.scorer", module)
    return stub


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "images"
    for name, value in (("a.png", 40), ("größe 2.png", 200), ("sub/c.png", 60)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 4), (value, 0, 0)).save(root / name)
    return root


@pytest.fixture
def oddly_named(tmp_path):
    root = tmp_path / "odd"
    root.mkdir()
    for value, name in enumerate(ODD_NAMES):
        try:
            Image.new("RGB", (8, 4), (value, 0, 0)).save(root / name)
        except OSError:
            pytest.skip(f"this file system has no names like {name!r}")
    return root
