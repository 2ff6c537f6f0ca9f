import hashlib
import json
import os
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from csad.common import file_stamp
from csad.scoring import loop
from tests.cli.stub_scorer import ODD_NAMES, run_score


@pytest.fixture
def kept(scorer, images, tmp_path):  # the command finds the scorer
    """Score the images into a Parquet file; the file and how to read it."""
    return tmp_path / "out" / "results.parquet"


def rows(path):
    return parquet.read_table(path).to_pylist()


def test_out_writes_a_row_per_image_with_a_column_per_branch(kept, images):
    (images / "b.png").write_bytes(b"broken")

    result = run_score(images, "--out", kept)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "1 of 3 anomalous" in result.stderr
    found = rows(kept)
    assert [Path(row["file"]).name for row in found] == ["a.png", "b.png", "größe 2.png", "c.png"]
    assert [row["score"] for row in found] == [40.0, None, 200.0, 60.0]
    assert [row["anomalous"] for row in found] == [False, None, True, False]
    assert found[2]["explanations"] == ["cherry icon: missing", "banana: extra"]
    assert found[2]["branch_global"] == 1.5
    assert "not an image" in found[1]["error"]
    assert found[0]["error"] is None
    assert found[0]["bytes"] == (images / "a.png").stat().st_size
    assert found[0]["modified"] == (images / "a.png").stat().st_mtime_ns
    assert parquet.read_schema(kept).metadata[b"csad_line"] == b"kit"
    assert [path.name for path in kept.parent.iterdir()] == ["results.parquet"]


def test_an_interrupted_run_goes_on_where_it_was(kept, images, scorer, monkeypatch):
    for i in range(14):
        Image.new("RGB", (8, 4), (i, 0, 0)).save(images / f"x{i:02d}.png")
    score_batch = scorer.score_batch

    def interrupted(batch):
        if scorer.batches == [8]:
            raise KeyboardInterrupt
        return score_batch(batch)

    monkeypatch.setattr(scorer, "score_batch", interrupted)
    assert run_score(images, "--out", kept).exit_code == 1
    assert not kept.exists()
    journal = kept.with_name("results.parquet.journal")
    with journal.open("a") as stream:
        stream.write('{"file": "half a li')
    monkeypatch.setattr(scorer, "score_batch", score_batch)
    scorer.batches.clear()

    result = run_score(images, "--out", kept)

    assert result.exit_code == 0
    assert "8 of 17 images are scored already" in result.stderr
    assert scorer.batches == [8, 1]
    assert len(rows(kept)) == 17
    assert not journal.exists()


def test_a_finished_file_is_brought_up_to_date(kept, images, scorer):
    run_score(images, "--out", kept)
    Image.new("RGB", (8, 4), (90, 0, 0)).save(images / "a.png")
    Image.new("RGB", (8, 4), (80, 0, 0)).save(images / "d.png")
    (images / "sub" / "c.png").unlink()
    scorer.batches.clear()

    result = run_score(images, "--out", kept, "--json")

    assert result.exit_code == 0
    assert scorer.batches == [2]
    assert [(Path(row["file"]).name, row["score"]) for row in rows(kept)] == [
        ("a.png", 90.0),
        ("d.png", 80.0),
        ("größe 2.png", 200.0),
    ]
    assert [score["score"] for score in json.loads(result.stdout)] == [90.0, 80.0, 200.0]
    assert json.loads(result.stdout)[2]["branches"] == {"full": 200.0, "global": 1.5}


def unpack(images, values):
    """Put images of one size and one time into the folder, as an archive without dates does."""
    for name, value in values.items():
        Image.new("RGB", (8, 4), (value, 0, 0)).save(images / "new.bmp")
        os.utime(images / "new.bmp", ns=(1, 1))
        (images / "new.bmp").replace(images / name)


def test_an_image_replaced_by_another_of_its_size_and_time_is_scored_again_and_the_others_are_kept(
    kept, scorer, tmp_path
):
    images = tmp_path / "in"
    images.mkdir()
    unpack(images, {"0.bmp": 10, "1.bmp": 20, "2.bmp": 30})
    run_score(images, "--out", kept)
    unpack(images, {"0.bmp": 10, "1.bmp": 200, "2.bmp": 30})
    scorer.batches.clear()

    result = run_score(images, "--out", kept)

    assert "2 of 3 images are scored already" in result.stderr
    assert "1 of 3 anomalous" in result.stderr
    assert scorer.batches == [1]
    assert [row["score"] for row in rows(kept)] == [10.0, 200.0, 30.0]


def test_an_unchanged_file_is_not_read_again(kept, images, scorer, monkeypatch):
    run_score(images, "--out", kept)
    monkeypatch.setattr(file_stamp, "SETTLED", 0)
    run_score(images, "--out", kept)
    read = []
    monkeypatch.setattr(sys.modules["csad.cli.results"], "file_sha256", lambda path: read.append(path) or "")

    assert "3 of 3 images are scored already" in run_score(images, "--out", kept).stderr
    assert read == []


def test_a_file_written_just_before_is_told_by_its_bytes_for_its_time_may_not_show_a_second_change(kept, images):
    before = time.time_ns()
    run_score(images, "--out", kept)

    if time.time_ns() - before < file_stamp.SETTLED:
        assert [(row["changed"], row["inode"]) for row in rows(kept)] == [(None, None)] * 3
    assert [row["sha256"] for row in rows(kept)] == [
        hashlib.sha256((images / name).read_bytes()).hexdigest() for name in ("a.png", "größe 2.png", "sub/c.png")
    ]


def test_results_by_size_and_time_alone_are_scored_again_and_counted(kept, images, scorer):
    run_score(images, "--out", kept)
    table = parquet.read_table(kept)
    parquet.write_table(table.drop_columns(["changed", "inode", "sha256"]), kept)
    scorer.batches.clear()

    result = run_score(images, "--out", kept)

    assert f"3 results in {kept} do not say what their files held; these images are scored again" in result.stderr
    assert scorer.batches == [3]
    assert "do not say" not in run_score(images, "--out", kept).stderr


def test_results_of_the_release_before_are_kept_under_the_new_name_of_the_sentences(kept, images, scorer):
    run_score(images, "--out", kept)
    table = parquet.read_table(kept)
    names = ["findings" if name == "explanations" else name for name in table.column_names]
    parquet.write_table(table.rename_columns(names).replace_schema_metadata(table.schema.metadata), kept)
    Image.new("RGB", (8, 4), (10, 0, 0)).save(images / "b.png")
    scorer.batches.clear()

    result = run_score(images, "--out", kept)

    assert scorer.batches == [1], result.output
    assert [row["explanations"] for row in rows(kept)] == [[], [], ["cherry icon: missing", "banana: extra"], []]
    assert "findings" not in parquet.read_table(kept).column_names


def test_an_image_that_changes_while_it_is_scored_is_counted_and_scored_again(kept, images, scorer, monkeypatch):
    score_batch = scorer.score_batch

    def changing(batch):
        Image.new("RGB", (8, 4), (90, 0, 0)).save(images / "a.png")
        return score_batch(batch)

    with monkeypatch.context() as patch:
        patch.setattr(scorer, "score_batch", changing)
        assert "1 images were written to while they were scored" in run_score(images, "--out", kept).stderr
    assert [row["score"] for row in rows(kept)] == [40.0, 200.0, 60.0]
    run_score(images, "--out", kept)

    assert [row["score"] for row in rows(kept)] == [90.0, 200.0, 60.0]


def test_results_of_another_model_are_not_replaced(kept, images, scorer):
    run_score(images, "--out", kept)
    before = kept.read_bytes()
    scorer.manifest.checksum = "other"

    result = run_score(images, "--out", kept)

    assert result.exit_code == 1
    assert f"{kept} holds results of another model (checksum abc, this one has other)" in result.stderr
    assert "name another file with --out, or remove this one" in result.stderr
    assert kept.read_bytes() == before


def test_results_of_another_folder_are_not_replaced(kept, images):
    run_score(images, "--out", kept)
    before = kept.read_bytes()

    result = run_score(images / "sub", "--out", kept)

    assert result.exit_code == 1
    assert f"{kept} holds results of {images}, not of {images / 'sub'}" in result.stderr
    assert kept.read_bytes() == before


def test_an_interrupted_run_of_another_model_is_not_replaced_either(kept, images, scorer, monkeypatch):
    def interrupted(batch):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scorer, "score_batch", interrupted)
        run_score(images, "--out", kept)
    scorer.manifest.checksum = "other"

    result = run_score(images, "--out", kept)

    assert result.exit_code == 1
    assert "results.parquet.journal holds results of another model" in result.stderr


def test_a_parquet_file_of_something_else_is_not_replaced(kept, images):
    kept.parent.mkdir()
    parquet.write_table(pa.table({"mine": [1]}), kept)

    result = run_score(images, "--out", kept)

    assert result.exit_code == 1
    assert "holds something else than results of csad score" in result.stderr
    assert parquet.read_table(kept).to_pydict() == {"mine": [1]}


def test_a_link_to_nowhere_is_named_and_the_rest_is_scored(kept, images):
    (images / "b.png").symlink_to(images / "gone.png")

    result = run_score(images, "--out", kept)

    assert result.exit_code == 1
    assert f"1 of 4 images could not be scored:\n  {images / 'b.png'}: no such file" in result.stderr
    found = rows(kept)
    assert [row["score"] for row in found] == [40.0, None, 200.0, 60.0]
    assert (found[1]["bytes"], found[1]["modified"]) == (None, None)
    assert "no such file" in found[1]["error"]


def test_an_image_that_vanishes_meanwhile_is_named_and_the_rest_is_scored(kept, images, scorer, monkeypatch):
    def load(folder, device, runtime):
        (images / "a.png").unlink()
        return scorer

    monkeypatch.setattr(sys.modules["csad.scoring.scorer"].Scorer, "load", staticmethod(load))

    result = run_score(images, "--out", kept)

    assert result.exit_code == 1
    assert f"{images / 'a.png'}: no such file" in result.stderr
    assert [row["score"] for row in rows(kept)] == [None, 200.0, 60.0]


def test_maps_that_are_missing_or_of_another_image_or_model_are_drawn_for_known_images_too(
    kept, images, scorer, tmp_path
):
    run_score(images, "--out", kept)
    scorer.batches.clear()
    maps = tmp_path / "maps"

    assert run_score(images, "--out", kept, "--maps", maps).exit_code == 0
    assert (maps / "a.png.png").is_file()
    assert (maps / "sub" / "c.png.png").is_file()
    run_score(images, "--out", kept, "--maps", maps)
    assert scorer.batches == [3]
    Image.new("RGB", (8, 4), (41, 0, 0)).save(images / "a.png")
    run_score(images, "--out", kept)
    assert scorer.batches == [3, 1]
    run_score(images, "--out", kept, "--maps", maps)
    assert scorer.batches == [3, 1, 1]
    scorer.manifest.checksum = "other"
    other = kept.with_name("other.parquet")
    run_score(images, "--out", other)
    run_score(images, "--out", other, "--maps", maps)
    assert scorer.batches == [3, 1, 1, 3, 3]
    (maps / "a.png.png").write_bytes(b"cut short")
    run_score(images, "--out", other, "--maps", maps)
    assert scorer.batches == [3, 1, 1, 3, 3, 1]
    assert len(rows(other)) == 3


def test_a_file_of_another_kind_is_not_overwritten(kept, images):
    kept.parent.mkdir()
    kept.write_text("my notes")

    result = run_score(images, "--out", kept)

    assert result.exit_code == 1
    assert "no Parquet file" in result.stderr
    assert kept.read_text() == "my notes"


def test_names_of_any_characters_come_into_the_file_and_are_known_again(kept, oddly_named, scorer):
    (oddly_named / os.fsdecode(b"broken \xff.png")).write_bytes(b"broken")

    assert run_score(oddly_named, "--out", kept).exit_code == 1
    found = {Path(row["file"]).name: row for row in rows(kept)}
    assert set(found) == {*ODD_NAMES[:2], "latin-1 gr\\xf6\\xdfe.png", ODD_NAMES[3], "broken \\xff.png"}
    assert [found[name]["score"] for name in ODD_NAMES[:2]] == [0.0, 1.0]
    assert "broken \\xff.png: not an image" in found["broken \\xff.png"]["error"]
    scorer.batches.clear()
    run_score(oddly_named, "--out", kept)
    assert scorer.batches == []


def test_an_interrupted_run_goes_on_whatever_the_names(kept, oddly_named, scorer, monkeypatch):
    def interrupted(batch):
        if len(scorer.batches) == 1:
            raise KeyboardInterrupt
        return score_batch(batch)

    score_batch = scorer.score_batch
    monkeypatch.setattr(loop, "BATCH", 3)
    monkeypatch.setattr(scorer, "score_batch", interrupted)
    run_score(oddly_named, "--out", kept)
    monkeypatch.setattr(scorer, "score_batch", score_batch)

    assert "3 of 4 images are scored already" in run_score(oddly_named, "--out", kept).stderr
    assert scorer.batches == [3, 1]


def test_results_among_the_images_are_no_image_and_are_not_counted(kept, images, caplog):
    assert kept
    run_score(images, "--out", images / "results.parquet")
    again = run_score(images, "--out", images / "results.parquet")

    assert "1 of 3 anomalous" in again.stderr
    assert "ignored" not in caplog.text
