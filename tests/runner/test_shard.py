import pytest

from csad.common.errors import StageError
from csad.runner.data_source import merge_shards
from csad.runner.shard import Shard


def test_a_share_is_written_as_people_count_and_taken_as_stages_count():
    assert Shard.parse("2/3").options == {"shard": 1, "shards": 3}


def test_all_shares_of_a_number():
    assert Shard.all(3) == ["1/3", "2/3", "3/3"]
    assert [Shard.parse(text).options["shard"] for text in Shard.all(12)] == list(range(12))


@pytest.mark.parametrize("text", ["", "0/2", "3/2", "1", "a/b", "1/2/3", "-1/2"])
def test_anything_else_is_refused(text):
    with pytest.raises(StageError, match="expected one such as 1/1"):
        Shard.parse(text)


def fill(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)


def test_the_outputs_of_all_shares_come_together_and_are_gone_afterwards(tmp_path):
    first = fill(tmp_path / "1", a="1", rules__a="2")
    second = fill(tmp_path / "2", b="3", rules__b="4")
    (tmp_path / "1/stage.json").write_text("{}")

    with merge_shards([first, second]) as together:
        found = {
            file.relative_to(together).as_posix(): file.read_text() for file in together.rglob("*") if file.is_file()
        }

    assert found == {"a": "1", "rules/a": "2", "b": "3", "rules/b": "4"}
    assert not together.exists()
    assert (tmp_path / "1/a").read_text() == "1"


def test_a_single_share_is_used_as_it_is(tmp_path):
    with merge_shards([fill(tmp_path / "1", a="1")]) as together:
        assert together == tmp_path / "1"
    assert (tmp_path / "1/a").is_file()
