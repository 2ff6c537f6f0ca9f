import json

import pytest
from click.testing import CliRunner

from csad.cli import main


def watch(*arguments):
    return CliRunner().invoke(main, ["watch", *(str(argument) for argument in arguments)])


def test_help_shows_an_example():
    assert "\n    csad watch /data/camera1 --url http://scorer:3000\n" in watch("--help").output


@pytest.mark.parametrize("url", ["scorer:3000", "ftp://scorer", "http://", ""])
def test_what_is_no_address_is_refused(tmp_path, url):
    result = watch(tmp_path, "--url", url, "--once")

    assert result.exit_code == 1
    assert "expected http://host:port" in result.stderr


def test_a_missing_folder_is_wrong_use(tmp_path):
    assert watch(tmp_path / "none", "--url", "http://127.0.0.1:1").exit_code == 2


def test_an_empty_folder_is_done_at_once_and_its_results_lie_in_it(tmp_path):
    assert watch(tmp_path, "--url", "http://127.0.0.1:1", "--once").exit_code == 0
    assert (tmp_path / "csad-results.jsonl").read_text() == ""


def test_unusable_images_give_exit_code_1_with_their_reasons_written_down(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")

    result = watch(tmp_path, "--url", "http://127.0.0.1:1", "--once", "--settle", 0, "--patience", 0)

    assert result.exit_code == 1
    assert "1 images could not be scored" in result.stderr
    assert "not an image" in json.loads((tmp_path / "csad-results.jsonl").read_text())["error"]
