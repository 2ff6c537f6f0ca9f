"""What the Dockerfiles promise, read from their text; tests/cluster builds and runs them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ("foundation", "serve", "train")


@pytest.fixture(params=IMAGES)
def dockerfile(request):
    return ROOT / "images" / request.param / "Dockerfile"


def last_stage(dockerfile):
    return dockerfile.read_text().rpartition("\nFROM ")[2]


def test_hadolint_finds_nothing(dockerfile):
    beside = Path(sys.executable).with_name("hadolint")
    program = str(beside) if beside.is_file() else shutil.which("hadolint")
    assert program, "hadolint is not installed"
    done = subprocess.run([program, dockerfile], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_user_is_a_number_and_not_root(dockerfile):
    assert re.findall(r"^USER (.+)$", last_stage(dockerfile), re.MULTILINE) == ["65532:65532"]


def test_the_last_stage_installs_nothing(dockerfile):
    assert re.findall(r"\bapt-get\b|\bpip (?:install|download)", last_stage(dockerfile)) == []


def test_every_variant_is_a_build_argument(dockerfile):
    text = dockerfile.read_text()
    assert "ARG VARIANT=cpu" in text
    assert "ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/${VARIANT}" in text


def test_all_images_share_the_layer_of_torch():
    texts = {name: (ROOT / "images" / name / "Dockerfile").read_text() for name in IMAGES}
    stages = {name: text.split(" AS torch\n")[1].split("\n\n")[0] for name, text in texts.items()}
    assert stages["train"] == stages["serve"] == stages["foundation"]


def test_only_what_serves_has_a_health_check():
    for name in IMAGES:
        assert ("HEALTHCHECK" in (ROOT / "images" / name / "Dockerfile").read_text()) == (name == "serve")


def test_nothing_but_wheels_and_pins_enters_a_build():
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert rules[1] == "*"
    assert all(rule.startswith(("!dist/", "!constraints")) for rule in rules[2:])


def test_the_serving_image_has_no_torch_unless_it_is_asked_for():
    text = (ROOT / "images" / "serve" / "Dockerfile").read_text()

    assert "ARG ENGINE=plain" in text
    assert "torch" not in text.split(" AS plain\n")[1].split("\n\n")[0]
    assert "COPY --from=torch" not in text
