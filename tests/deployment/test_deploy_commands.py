"""`csad deploy`, `status`, `rollback`, `undeploy` where there is no cluster, and their help."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from csad.cli import main
from csad.deployment import cluster
from tests.deployment.api_server import write_kubeconfig

COMMANDS = ["deploy", "status", "rollback", "undeploy"]


@pytest.fixture
def line(tmp_path: Path) -> str:
    path = tmp_path / "bottles.yaml"
    path.write_text("name: bottles\n")
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str):
    assert f"\n    csad {command}" in run(command, "--help").output


@pytest.mark.parametrize("command", ["deploy", "rollback"])
def test_help_names_the_token_that_the_smoke_test_sends(command: str):
    assert "CSAD_TOKEN" in run(command, "--help").output


@pytest.mark.parametrize(
    "arguments",
    [
        ["deploy", "LINE", "--image", "i"],
        ["deploy", "LINE", "20261124T101500Z-0123abcd", "--latest", "--image", "i"],
        ["deploy", "LINE", "--latest"],
        ["deploy", "no-such-file.yaml", "--latest", "--image", "i"],
        ["rollback", "LINE"],
    ],
)
def test_wrong_use_exits_with_2(arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CSAD_SERVE_IMAGE", raising=False)
    assert run(*(line if argument == "LINE" else argument for argument in arguments)).exit_code == 2


def test_without_a_kubeconfig_the_message_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    result = run("status", "bottles", "--no-store")
    assert result.exit_code == 1
    assert "no Kubernetes cluster is set up" in result.output
    assert "set KUBECONFIG" in result.output


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_kubeconfig(tmp_path / "config", "http://127.0.0.1:9")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)
    result = run("undeploy", "bottles", "--yes")
    assert result.exit_code == 1
    assert "the Kubernetes API at http://127.0.0.1:9 does not answer" in result.output


def test_a_line_is_not_taken_away_without_asking():
    result = CliRunner().invoke(main, ["undeploy", "bottles"], input="n\n")
    assert result.exit_code == 1
    assert "Stop serving bottles in namespace csad?" in result.output


def test_what_is_no_line_is_named(line: str):
    result = run("undeploy", "Bottles.yml", "--yes")
    assert result.exit_code == 1
    assert "neither a file nor the name of a product line" in result.output
