import os
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from csad.cli import main

WITHOUT_TRAIN_EXTRA = """
import sys
for name in ("torch", "numpy", "PIL", "timm", "sklearn"):
    sys.modules[name] = None
from csad.cli import main
main()
"""


def core_only(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a Python that lacks the train extra."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_TRAIN_EXTRA, *arguments], capture_output=True, text=True, check=False
    )


def test_help_teaches_the_order_of_the_commands():
    text = CliRunner().invoke(main, ["--help"]).output
    commands = ["csad line new", "csad line check", "csad train", "csad score", "csad evaluate"]
    assert [text.index(command) for command in commands] == sorted(text.index(command) for command in commands)


@pytest.mark.parametrize("command", [["line"], ["line", "new"], ["line", "check"], ["train"], ["score"], ["evaluate"]])
def test_every_command_shows_an_example_on_a_line_of_its_own(command):
    text = CliRunner().invoke(main, [*command, "--help"]).output
    assert f"\n    csad {' '.join(command)} " in text


@pytest.mark.parametrize("arguments", [["lin"], ["train"], ["score"], ["--no"], ["evaluate", "no", "--data", "no"]])
def test_wrong_use_exits_with_2(arguments):
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_help_imports_nothing_heavy():
    code = "import sys, csad.cli; print(sorted({'torch', 'numpy', 'pydantic', 'kfp', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_help_is_instant():
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "csad.cli", "--help"], capture_output=True, check=True, env=os.environ)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.6


def test_the_core_installation_helps_and_writes_lines(tmp_path):
    assert core_only("--help").returncode == 0
    assert core_only("line", "new", "a", "--output", str(tmp_path / "a.yaml")).returncode == 0


def test_the_core_installation_says_what_the_other_commands_need(tmp_path):
    (tmp_path / "a.yaml").write_text("name: a\n")
    result = core_only("line", "check", str(tmp_path / "a.yaml"), "--data", str(tmp_path))
    assert result.returncode == 1
    assert "pip install 'csad[train]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_quiet_hides_progress_but_not_warnings(tmp_path):
    from PIL import Image

    (tmp_path / "a.yaml").write_text("name: a\nimages: {product_box: full}\n")
    for i in range(3):
        Image.new("RGB", (64, 64), (i, 0, 0)).save(tmp_path / f"{i}.png")
    arguments = ["line", "check", str(tmp_path / "a.yaml"), "--data", str(tmp_path)]
    assert "Checking images" in CliRunner().invoke(main, arguments).stderr
    assert "Checking images" not in CliRunner().invoke(main, ["--quiet", *arguments]).stderr


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("evaluate", "model", "--data", "data"), "--report"),
        (("gate", "model", "--data", "data"), "--report"),
        (("masks", "preview", "kit.yaml", "--data", "data"), "--output"),
    ],
)
def test_a_picture_is_not_written_among_the_images_that_are_read(tmp_path, monkeypatch, command, option):
    monkeypatch.chdir(tmp_path)
    for folder in ("model", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "kit.yaml").write_text("name: kit\n")

    result = CliRunner().invoke(main, [*command, option, "data/picture.png"])

    assert result.exit_code == 1
    assert f"{option} data/picture.png lies in data, whose images are read" in result.stderr
