"""The environment of the foundation models: pinned apart from the rest, and still one that csad runs in."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tests.foundation.tiny_models import SKIP

ROOT = Path(__file__).parents[2]
PINS = [line for line in (ROOT / "constraints-foundation.txt").read_text().splitlines() if not line.startswith("#")]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements):
    return {canonical(re.split(r"[<>=!\[; ]", requirement)[0]) for requirement in requirements}


def test_what_make_foundation_installs_is_pinned():
    wanted = named(EXTRAS["foundation"]) | named(EXTRAS["train"]) | {"pytest", "pytest-timeout", "hypothesis"}
    assert wanted - named(PINS) == {"csad"}
    assert [pin for pin in PINS if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin)] == []


def test_the_extra_and_the_pins_agree():
    assert set(EXTRAS["foundation"]) <= set(PINS)


def test_the_environment_holds_the_pinned_versions():
    pytest.importorskip("groundingdino", reason=SKIP)
    for requirement in EXTRAS["foundation"]:
        name, version = requirement.split("==")
        assert metadata.version(name) == version
