import json
import os

import pytest
from click.testing import CliRunner
from PIL import Image

from csad.cli import main


def watch(*arguments):
    return CliRunner().invoke(main, ["watch", *(str(argument) for argument in arguments)])


def test_help_shows_an_example():
    assert "\n    csad watch /data/camera1 --url http://scorer:3000\n" in watch("--help").output


NO_ADDRESSES = [
    "scorer:3000",
    "ftp://scorer",
    "http://",
    "",
    "http://scorer:abc",
    "http://scorer:99999",
    "http://two words:3000",
    "http://scorer:3000\n",
    "http://scorer:3000/größe",
    "http://[::1",
    "http://scorer..de:3000",
    "http://user:password@scorer:3000",
]


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_is_refused(tmp_path, url):
    result = watch(tmp_path, "--url", url, "--once")

    assert result.exit_code == 1
    assert "expected http://host:port" in result.stderr


@pytest.mark.parametrize(
    "url", ["http://scorer", "https://scorer:3000/line/", "http://127.0.0.1:3000", "http://[::1]:80"]
)
def test_what_is_an_address_is_taken(tmp_path, url):
    assert watch(tmp_path, "--url", url, "--once").exit_code == 0


@pytest.mark.parametrize("token", ["größe", "two words", "two\nlines", "\N{EURO SIGN}"])
def test_a_token_that_no_header_can_carry_is_named_but_not_shown(tmp_path, monkeypatch, token):
    monkeypatch.setenv("CSAD_TOKEN", token)

    result = watch(tmp_path, "--url", "http://127.0.0.1:1", "--once")

    assert result.exit_code == 1
    assert "CSAD_TOKEN holds a space, a line break or a character outside ASCII" in result.stderr
    assert token not in result.stderr


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


def test_once_gives_up_when_the_service_stays_away(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    result = watch(tmp_path, "--url", "http://127.0.0.1:1", "--once", "--settle", 0, "--patience", 0, "--give-up", 0.1)

    assert result.exit_code == 1
    assert "1 files are left that could not be scored: http://127.0.0.1:1 does not answer" in result.stderr


def test_a_name_that_is_not_utf_8_is_told_and_written_down(tmp_path):
    name = os.fsdecode(b"gr\xf6\xdfe.png")
    (tmp_path / name).write_bytes(b"no image")

    result = watch(tmp_path, "--url", "http://127.0.0.1:1", "--once", "--settle", 0, "--patience", 0)

    assert result.exit_code == 1
    assert "1 images could not be scored" in result.stderr
    assert json.loads((tmp_path / "csad-results.jsonl").read_text())["file"] == name


def test_results_that_would_be_taken_for_an_image_are_refused(tmp_path):
    result = watch(tmp_path, "--url", "http://127.0.0.1:1", "--once", "--out", tmp_path / "results.png")

    assert result.exit_code == 1
    assert "--out" in result.stderr
    assert "whose images are read" in result.stderr
    assert not list(tmp_path.iterdir())


def test_what_lies_in_a_watched_folder_and_is_no_image_is_counted_without_the_watchers_own_file(tmp_path, caplog):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "back").symlink_to(".")
    (tmp_path / "gone.png").symlink_to("nowhere.png")

    assert watch(tmp_path, "--url", "http://127.0.0.1:1", "--once").exit_code == 0

    said = "3 files ignored: .txt 1, link back/ back to a folder above 1, link to nothing 1"
    assert f"{tmp_path}: {said}" in caplog.text


@pytest.mark.parametrize("name", ["explanations", "findings"])
def test_a_service_of_the_release_before_is_understood(tmp_path, monkeypatch, name):
    Image.new("RGB", (8, 4)).save(tmp_path / "a.png")
    answer = {"score": 2.0, "threshold": 1.0, "anomalous": True, name: ["cap: missing", "label: extra"]}
    monkeypatch.setattr("csad.serving.client.ScoringClient.score", lambda client, content, name: answer)

    result = watch(tmp_path, "--url", "http://127.0.0.1:1", "--once", "--out", tmp_path / "out" / "results.jsonl")

    assert result.exit_code == 0, result.stderr
    assert "a.png: ANOMALOUS, 2.000 of 1.000; cap: missing\n" in result.stderr
