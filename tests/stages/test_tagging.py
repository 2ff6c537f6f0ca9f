import json
import logging

import pytest

from csad.common.errors import StageError, WeightsError
from csad.config.line import ProductLine
from csad.runner.stage import StageRecord
from csad.stages import ingest, tagging
from csad.stages.tagging import TaggingSummary, Tags
from csad.weights.checkpoints import file_digest
from tests.foundation.tiny_ram_plus import ARCHITECTURE, save_tiny_weights


@pytest.fixture
def images(tiny_line, tiny_line_data, tmp_path):
    ingest.run(tiny_line, tiny_line_data, tmp_path / "images")
    return tmp_path / "images"


def test_classical_proposals_need_no_prompts_and_the_file_says_so(tiny_line, images, tmp_path):
    summary = tagging.run(tiny_line, images, tmp_path / "tags")

    written = json.loads((tmp_path / "tags/tags.json").read_text())
    assert (written["proposer"], written["prompts"], written["dropped"]) == ("none", [], [])
    assert "no tagging model was asked" in written["note"]
    assert list(written) == ["proposer", "prompts", "dropped", "note"]
    assert summary.prompts == 0


def test_the_prompts_of_the_line_are_kept_in_order_and_drops_are_explained(images, tmp_path):
    line = ProductLine.from_yaml("name: kit\ntags: {prompts: [Hex  Nut, bolt, hex nut, bag], drop: [BAG]}")

    tagging.run(line, images, tmp_path / "tags")

    tags = Tags.read(tmp_path / "tags")
    assert tags.proposer == "line"
    assert tags.prompts == ("hex nut", "bolt")
    assert [(dropped.name, dropped.reason) for dropped in tags.dropped] == [
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


# Words that RAM++ finds, for masks of the foundation models


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """The folder of model files, with a tiny RAM++ that sees a bag, a screw and blue."""
    folder = tmp_path / "weights"
    folder.mkdir()
    save_tiny_weights(folder / "ram_plus_swin_large_14m.safetensors", ["bag", "screw", "blue"])
    monkeypatch.setattr("csad.foundation.tagging.PUBLISHED", ARCHITECTURE)
    monkeypatch.setenv("CSAD_WEIGHTS", str(folder))
    return folder


def foundation_line(tags="{}", mode="auto"):
    return ProductLine.from_yaml(f"name: kit\ntags: {tags}\npseudo_labels: {{proposals: foundation, mode: {mode}}}")


def test_the_model_names_the_parts_and_what_is_none_is_dropped_with_its_reason(images, weights, tmp_path):
    summary = tagging.run(foundation_line(), images, tmp_path / "tags")

    tags = Tags.read(tmp_path / "tags")
    assert tags.proposer == "ram_plus"
    assert sorted(tags.prompts) == ["bag", "screw"]
    assert [(dropped.name, dropped.reason) for dropped in tags.dropped] == [("blue", "a colour (group colour)")]
    assert tags.note == "RAM++ saw 1 training image (000) and found 3 tags, 1 of them no parts"
    assert tags.tagging.weights == file_digest(weights / "ram_plus_swin_large_14m.safetensors")
    assert tags.tagging.images == ("000",)
    assert sorted(seen.name for seen in tags.tagging.found) == ["bag", "blue", "screw"]
    assert all(seen.probability > seen.threshold and seen.images == ("000",) for seen in tags.tagging.found)
    assert summary.headline() == "2 prompts, 1 dropped (blue: a colour (group colour))"
    assert summary.metrics() == {"prompts": 2, "dropped": 1}
    stored = StageRecord.of(tagging.STAGE, "key", 1.0, summary)
    assert stored.summary_as(tagging.STAGE) == summary


def test_the_headline_names_a_dozen_reasons_and_the_record_all():
    summary = TaggingSummary(
        prompts=1, dropped=14, proposer="ram_plus", reasons=tuple(f"word{n}: odd" for n in range(14))
    )
    assert summary.headline().startswith("1 prompt, 14 dropped (word0: odd; word1: odd; ")
    assert summary.headline().endswith("word11: odd; and 2 more in tags.json)")
    assert StageRecord.of(tagging.STAGE, "key", 1.0, summary).summary_as(tagging.STAGE) == summary


def test_the_same_images_give_the_same_file(images, weights, tmp_path):
    for name in ("once", "twice"):
        tagging.run(foundation_line(), images, tmp_path / name)
    assert (tmp_path / "once/tags.json").read_bytes() == (tmp_path / "twice/tags.json").read_bytes()


def test_the_tags_of_several_images_are_merged(images, weights, tmp_path):
    tagging.run(foundation_line("{images: 3, drop: [bag], keep: [blue]}"), images, tmp_path / "tags")

    tags = Tags.read(tmp_path / "tags")
    assert tags.tagging.images == ("000", "004", "009")
    assert sorted(tags.prompts) == ["blue", "screw"]
    assert all(seen.images == ("000", "004", "009") for seen in tags.tagging.found)


def test_a_line_names_its_own_weights(images, weights, tmp_path, monkeypatch):
    monkeypatch.delenv("CSAD_WEIGHTS")
    mine = save_tiny_weights(tmp_path / "mine.safetensors", ["washer"])
    tagging.run(foundation_line(f"{{weights: {mine}}}"), images, tmp_path / "tags")
    assert Tags.read(tmp_path / "tags").prompts == ("washer",)


def test_the_lines_own_prompts_need_no_model(images, tmp_path, monkeypatch):
    monkeypatch.delenv("CSAD_WEIGHTS", raising=False)
    summary = tagging.run(foundation_line("{prompts: [hex nut, blue], drop: []}"), images, tmp_path / "tags")

    tags = Tags.read(tmp_path / "tags")
    assert (tags.proposer, tags.prompts, tags.tagging) == ("line", ("hex nut", "blue"), None)
    assert tags.note == "the line names the prompts: no tagging model was asked"
    assert summary.headline() == "2 prompts, 0 dropped"


def test_without_weights_nothing_is_written(images, tmp_path, monkeypatch):
    monkeypatch.setenv("CSAD_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="csad weights sync"):
        tagging.run(foundation_line(), images, tmp_path / "tags")
    assert not (tmp_path / "tags").exists()


def test_a_coarse_line_without_a_prompt_stops_and_says_what_was_dropped(images, weights, tmp_path):
    with pytest.raises(StageError, match=r"no prompt.*blue: a colour.*tags.prompts"):
        tagging.run(foundation_line("{drop: [bag, screw]}", mode="coarse"), images, tmp_path / "tags")


def test_other_modes_go_on_without_a_prompt_and_warn(images, weights, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="csad"):
        tagging.run(foundation_line("{drop: [bag, screw]}"), images, tmp_path / "tags")
    assert Tags.read(tmp_path / "tags").prompts == ()
    assert "no prompt" in caplog.text
    assert "screw: listed in tags.drop" in caplog.text
