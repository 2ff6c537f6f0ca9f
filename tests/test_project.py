"""The files around the code: what a fresh clone installs and runs."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    return {canonical(re.split(r"[<>=!\[; ]", requirement)[0]) for requirement in requirements}


def test_constraints_are_plain_pins():
    assert [pin for pin in PINS if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin)] == []


def test_the_data_files_of_the_code_are_in_the_wheel():
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    inside = {file for name, patterns in packaged.items() for one in patterns for file in (ROOT / name).glob(one)}
    beside = {
        file for name in packaged for kind in ("json", "yaml", "html") for file in (ROOT / name).rglob(f"*.{kind}")
    }
    assert ROOT / "pipelines/stage_costs.json" in beside
    assert beside - inside == set()


def test_what_csad_is_compared_with_is_pinned_with_the_runtimes_that_csad_has():
    others = [pin for pin in (ROOT / "constraints-anomalib.txt").read_text().splitlines() if not pin.startswith("#")]
    assert [pin for pin in others if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin)] == []
    for runtime in ("torch", "onnxruntime", "openvino"):
        (own,) = (pin for pin in PINS if pin.startswith(f"{runtime}=="))
        assert own in others


def test_everything_that_make_installs_is_pinned():
    extras = PROJECT["optional-dependencies"]
    installed = ("score", "train", "serve", "dev", "docs")
    wanted = names(PROJECT["dependencies"]).union(*(names(extras[extra]) for extra in installed))
    assert wanted - names(PINS) == {"csad"}


def test_the_core_needs_no_torch():
    assert not names(PROJECT["dependencies"]) & {"torch", "torchvision", "timm", "numpy"}


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_explains_its_targets():
    text = subprocess.run(["make", "-C", str(ROOT), "-s"], capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "lint", "measure", "bench", "docs", "compile", "clean"):
        assert f"make {target} " in text


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_skips_an_environment_that_is_up_to_date(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    plan = ["make", "-C", str(tmp_path), "-n", "lint"]
    assert "pip install" in subprocess.run(plan, capture_output=True, text=True, check=True).stdout
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".installed").touch()
    assert "pip install" not in subprocess.run(plan, capture_output=True, text=True, check=True).stdout
