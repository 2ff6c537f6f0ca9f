import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from PIL import Image

from csad.cli import main
from csad.config.line import ProductLine
from csad.images import inspect
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings

VARIABLES = (
    "CSAD_STORE_ENDPOINT",
    "CSAD_STORE_BUCKET",
    "CSAD_STORE_PREFIX",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_PROFILE",
)


@pytest.fixture
def csad(named_store):
    """Run the command against an empty store."""
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for index in range(4):
        Image.new("RGB", (32, 32), (index, 0, 0)).save(folder / f"{index}.png")
    return folder


def digest_of(folder):
    return inspect(folder, ProductLine(name="bottles")).images.digest


def test_pushing_prints_the_digest_and_the_address_for_pipelines(csad, data):
    result = csad("data", "push", data, "--line", "bottles")
    assert result.stdout == f"{digest_of(data)}\n"
    assert f"store://bottles@{digest_of(data)[:12]}" in result.stderr
    assert "Storing images: 4 done" in result.stderr


def test_pushing_answers_scripts(csad, data):
    answer = json.loads(csad("data", "push", data, "--line", "bottles", "--json").stdout)
    assert (answer["line"], answer["digest"], answer["images"]) == ("bottles", digest_of(data), 4)


def test_a_line_file_names_the_line_and_leaves_bad_images_behind(csad, data, tmp_path):
    good = digest_of(data)
    (data / "broken.png").write_bytes(b"no image")
    (tmp_path / "line.yaml").write_text("name: bottles\nimages: {max_bad_fraction: 0.5}\n")
    result = csad("data", "push", data, "--line-file", tmp_path / "line.yaml")
    assert result.stdout == f"{good}\n"
    assert "broken.png" in result.stderr


def test_a_line_file_refuses_data_that_cannot_train(csad, data, tmp_path):
    (data / "broken.png").write_bytes(b"no image")
    (tmp_path / "line.yaml").write_text("name: bottles\nimages: {max_bad_fraction: 0.0}\n")
    result = csad("data", "push", data, "--line-file", tmp_path / "line.yaml")
    assert result.exit_code == 1
    assert "broken.png" in result.stderr
    assert json.loads(csad("data", "list", "--json").stdout) == []


@pytest.mark.parametrize("options", [[], ["--line", "a", "--line-file", __file__]])
def test_exactly_one_of_line_and_line_file_is_needed(csad, data, options):
    result = csad("data", "push", data, *options)
    assert result.exit_code == 2
    assert "either --line NAME or --line-file" in result.stderr


def test_versions_are_listed_for_people_and_scripts(csad, data):
    csad("data", "push", data, "--line", "bottles")
    csad("data", "push", data, "--line", "cans")
    rows = csad("data", "list").stdout.splitlines()
    assert [row.split()[:3] for row in rows] == [
        ["line", "digest", "images"],
        ["bottles", digest_of(data)[:12], "4"],
        ["cans", digest_of(data)[:12], "4"],
    ]
    assert [version["line"] for version in json.loads(csad("data", "list", "cans", "--json").stdout)] == ["cans"]


def test_an_empty_store_says_how_to_fill_it(csad):
    result = csad("data", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "csad data push DIR --line NAME" in result.stderr


def test_verifying_finds_removes_and_pushing_mends(csad, data):
    csad("data", "push", data, "--line", "bottles")
    assert csad("data", "verify", "bottles").exit_code == 0
    store = ObjectStore.connect(StoreSettings.from_environment())
    key = next(store.list("datasets/bottles/objects/"))
    store.put_bytes(key, b"x")
    result = csad("data", "verify", "bottles", "--json")
    assert result.exit_code == 1
    assert [".png: damaged" in problem for problem in json.loads(result.stdout)] == [True]
    assert "see --remove-damaged" in result.stderr
    assert csad("data", "verify", "bottles", "--remove-damaged").exit_code == 1
    assert not store.exists(key)
    csad("data", "push", data, "--line", "bottles")
    assert csad("data", "verify", "bottles").exit_code == 0


def test_pulling_gives_the_same_data(csad, data, tmp_path):
    csad("data", "push", data, "--line", "bottles")
    result = csad("data", "pull", "bottles", tmp_path / "copy", "--digest", digest_of(data)[:8])
    assert result.stdout == f"{tmp_path / 'copy'}\n"
    assert digest_of(tmp_path / "copy") == digest_of(data)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["data", "pull", "bottles", "copy"], "no data set of line bottles"),
        (["data", "pull", "bottles", "copy", "--digest", "1234"], "64 hexadecimal digits"),
        (["data", "verify", "Bottles"], "no name of a product line"),
        (["data", "list", "../x"], "no name of a product line"),
    ],
)
def test_what_cannot_be_found_is_named_without_a_traceback(csad, arguments, named):
    result = csad(*arguments)
    assert result.exit_code == 1
    assert named in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [["data", "list"], ["data", "verify", "a"], ["models", "list", "a"]])
def test_without_a_store_the_variables_to_set_are_named(arguments, monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert [name for name in VARIABLES if name in result.stderr] == list(VARIABLES)


@pytest.mark.parametrize(
    "command", [["data"], ["data", "push"], ["data", "list"], ["data", "verify"], ["data", "pull"]]
)
def test_every_command_shows_an_example(command):
    text = CliRunner().invoke(main, [*command, "--help"]).output
    assert f"\n    csad {' '.join(command)} " in text


def test_listing_and_pulling_need_no_training_packages(csad, data, tmp_path):
    csad("data", "push", data, "--line", "bottles")
    code = (
        "import sys\nfor name in ('torch', 'numpy', 'PIL'): sys.modules[name] = None\n"
        f"from csad.cli import main\nmain(['data', 'pull', 'bottles', {str(tmp_path / 'copy')!r}])"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert digest_of(tmp_path / "copy") == digest_of(data)


def test_pushing_stores_day_folders_and_says_what_it_leaves(csad, data, caplog):
    (data / "day1").mkdir()
    Image.new("RGB", (32, 32), (9, 0, 0)).save(data / "day1" / "0.png")
    (data / "day1" / "notes.txt").touch()
    answer = json.loads(csad("data", "push", data, "--line", "bottles", "--json").stdout)
    assert (answer["images"], answer["digest"]) == (5, digest_of(data))
    assert f"{data}: 1 file ignored: .txt 1" in caplog.text
