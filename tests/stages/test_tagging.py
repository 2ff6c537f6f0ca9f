import json

import pytest

from csad.errors import StageError
from csad.line import ProductLine
from csad.stages import ingest, tagging
from csad.stages.tagging import Tags


@pytest.fixture
def images(tiny_line, tiny_line_data, tmp_path):
    ingest.run(tiny_line, tiny_line_data, tmp_path / "images")
    return tmp_path / "images"


def test_classical_proposals_need_no_words_and_the_file_says_so(tiny_line, images, tmp_path):
    summary = tagging.run(tiny_line, images, tmp_path / "tags")

    written = json.loads((tmp_path / "tags/tags.json").read_text())
    assert (written["proposer"], written["words"], written["dropped"]) == ("none", [], [])
    assert "no tagging model was asked" in written["note"]
    assert summary.words == 0


def test_the_words_of_the_line_are_kept_in_order_and_drops_are_explained(images, tmp_path):
    line = ProductLine.from_yaml("name: kit\ntags: {words: [Hex  Nut, bolt, hex nut, bag], drop: [BAG]}")

    tagging.run(line, images, tmp_path / "tags")

    tags = Tags.read(tmp_path / "tags")
    assert tags.proposer == "line"
    assert tags.words == ("hex nut", "bolt")
    assert [(dropped.word, dropped.reason) for dropped in tags.dropped] == [
        ("hex nut", "repeated"),
        ("bag", "listed in tags.drop"),
    ]


def test_images_that_were_not_ingested_are_refused(tiny_line, tmp_path):
    with pytest.raises(StageError, match="ingest"):
        tagging.run(tiny_line, tmp_path, tmp_path / "tags")


def test_damaged_tags_are_refused(tmp_path):
    (tmp_path / "tags.json").write_text("{")
    with pytest.raises(StageError, match="run the tagging stage again"):
        Tags.read(tmp_path)
