import json

import pytest
from click.testing import CliRunner

from csad.cli import main
from csad.store.objects import ObjectStore
from csad.store.registry import ModelLabels, register_model
from csad.store.settings import StoreSettings


@pytest.fixture
def csad(named_store):
    """Run the command against an empty store."""
    return lambda *arguments: CliRunner().invoke(main, ["models", *arguments])


@pytest.fixture
def versions(csad, tmp_path):
    """Three registered versions, in the order in which they are listed."""
    (tmp_path / "model.json").write_text("{}")
    store = ObjectStore.connect(StoreSettings.from_environment())
    made = [
        register_model(store, tmp_path, ModelLabels("bottles", "d" * 64, "0123abcd4567ef", "c" * 64, seed, SCORES))
        for seed in range(3)
    ]
    return sorted(model.version for model in made)


SCORES = {"logical": 91.25, "structural": None}


def test_models_are_listed_with_their_labels_and_the_champion(csad, versions):
    csad("promote", "bottles", versions[1])
    rows = [row.split() for row in csad("list", "bottles").stdout.splitlines()]
    assert rows[0] == ["version", "data", "code", "seed", "scores"]
    assert [row[0] for row in rows[1:]] == [versions[0], "*", versions[2]]
    assert rows[2][1:4] == [versions[1], "d" * 12, "0123abcd4567"]
    assert rows[2][-4:] == ["logical", "91.2,", "structural", "-"]


def test_models_are_listed_for_scripts(csad, versions):
    csad("promote", "bottles", versions[0])
    found = json.loads(csad("list", "bottles", "--json").stdout)
    assert [(model["version"], model["champion"]) for model in found] == [
        (versions[0], True),
        (versions[1], False),
        (versions[2], False),
    ]
    assert found[0]["labels"]["scores"] == SCORES


def test_a_line_without_models_says_where_they_come_from(csad):
    result = csad("list", "bottles")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "its pipeline registers them" in result.stderr


def test_a_version_is_shown_with_labels_and_files(csad, versions):
    text = csad("show", "bottles", versions[2]).stdout
    for expected in (versions[2], "d" * 64, "0123abcd4567ef", "c" * 64, "model/model.json", "logical 91.2"):
        assert expected in text
    assert json.loads(csad("show", "bottles", versions[2], "--json").stdout)["champion"] is False


def test_the_champion_is_shown_where_no_version_is_named(csad, versions):
    result = csad("show", "bottles")
    assert result.exit_code == 1
    assert "no champion yet" in result.stderr
    csad("promote", "bottles", versions[1])
    assert json.loads(csad("show", "bottles", "--json").stdout)["version"] == versions[1]


def test_promoting_and_rolling_back_print_the_champion(csad, versions):
    assert csad("promote", "bottles", versions[0]).stdout == f"{versions[0]}\n"
    answer = json.loads(csad("promote", "bottles", versions[2], "--json").stdout)
    assert answer == {"version": versions[2], "previous": [versions[0]]}
    assert csad("rollback", "bottles").stdout == f"{versions[0]}\n"
    result = csad("rollback", "bottles")
    assert result.exit_code == 1
    assert "no version to go back to" in result.stderr


def test_a_promotion_can_ask_for_the_champion_it_was_compared_with(csad, versions):
    result = csad("promote", "bottles", versions[1], "--replacing", versions[0])
    assert result.exit_code == 1
    assert "there is none" in result.stderr
    csad("promote", "bottles", versions[0])
    assert csad("promote", "bottles", versions[1], "--replacing", versions[2]).exit_code == 1
    assert csad("promote", "bottles", versions[1], "--replacing", versions[0]).exit_code == 0


@pytest.mark.parametrize("version", ["20261124T101500Z-00000000", "newest"])
def test_versions_that_are_not_there_are_named(csad, versions, version):
    for command in ("show", "promote"):
        result = csad(command, "bottles", version)
        assert result.exit_code == 1
        assert version in result.stderr
        assert "csad models list" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [[], ["list"], ["show"], ["promote"], ["rollback"]])
def test_every_command_shows_an_example(command):
    text = CliRunner().invoke(main, ["models", *command, "--help"]).output
    assert f"\n    csad {' '.join(['models', *command])} " in text
