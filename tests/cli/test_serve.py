import pytest
from click.testing import CliRunner

from csad.cli import main


def serve(*arguments, **environment):
    return CliRunner().invoke(main, ["serve", *(str(argument) for argument in arguments)], env=environment)


def test_help_shows_an_example():
    assert "\n    csad serve models/bottles\n" in serve("--help").output


def test_a_folder_that_is_no_model_is_refused_before_a_server_starts(tmp_path):
    result = serve(tmp_path)

    assert result.exit_code == 1
    assert "is no model folder" in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CSAD_MAX_BYTES", "many", "input should be a valid integer"),
        ("CSAD_MAX_FILES", "0", "input should be greater than 0"),
        ("CSAD_TIMEOUT", "-1", "input should be greater than 0"),
        ("CSAD_TIMEOUT", "soon", "input should be a valid number"),
        ("CSAD_TOKEN", "two words", "expected one plain word"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, name, value, message):
    result = serve(tmp_path, **{name: value})

    assert result.exit_code == 1
    assert name in result.stderr
    assert message in result.stderr


def test_a_port_that_cannot_be_is_wrong_use(tmp_path):
    assert serve(tmp_path, "--port", 70000).exit_code == 2
