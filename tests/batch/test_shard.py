"""Shards, scored with a stub: what is kept, what is scored again, what every row says."""

import hashlib
import logging
import time

import pytest
from PIL import Image
from pyarrow import parquet

from csad.batch import parts, scoring
from csad.batch.plan import Model
from csad.common.errors import StoreError
from csad.scoring.loop import BATCH
from tests.batch.conftest import MODEL, draw

pytestmark = pytest.mark.usefixtures("one_chunk")


def rows(*files):
    return [row for file in files for row in parquet.read_table(file).to_pylist()]


def test_every_image_has_a_row_with_the_columns_of_csad_score(batch, images):
    counts, (file,) = batch.score(batch.plan(images))

    found = rows(file)
    assert [row["file"] for row in found] == [str(images / f"{index}.png") for index in range(9)]
    assert [row["score"] for row in found] == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 101.0, 102.0, 103.0]
    assert [row["anomalous"] for row in found] == [False] * 6 + [True] * 3
    assert found[8]["explanations"] == ["cherry icon: missing", "banana: extra"]
    assert (found[8]["branch_full"], found[8]["branch_global"], found[8]["threshold"]) == (103.0, 1.5, 100.0)
    assert found[0]["sha256"] == hashlib.sha256((images / "0.png").read_bytes()).hexdigest()
    assert found[0]["bytes"] == (images / "0.png").stat().st_size
    assert found[0]["modified"] == (images / "0.png").stat().st_mtime_ns
    metadata = parquet.read_schema(file).metadata
    assert metadata[b"csad_model"] == b"abc"
    assert metadata[b"csad_images"] == str(images).encode()
    assert metadata[b"csad_version"] == MODEL.version.encode()
    assert (counts[0].images, counts[0].anomalous, counts[0].unreadable, counts[0].reused) == (9, 3, 0, 0)


def test_what_is_scored_is_not_scored_again_however_many_tasks_divide_it(batch, images, small_chunks):
    plan = batch.plan(images)
    _, once = batch.score(plan)
    assert batch.scored == 9

    counts, several = batch.score(plan, of=3)

    assert batch.scored == 0
    assert batch.loaded == 1  # nothing to score, no model to load
    assert [one.reused for one in counts] == [3, 3, 3]
    assert rows(*several) == rows(*once)


def test_a_task_that_was_killed_resumes_behind_its_last_chunk(batch, images, small_chunks, monkeypatch):
    plan = batch.plan(images)
    score_batch = batch.scorer.score_batch

    def killed(pixels):
        if len(batch.scorer.batches) == 2:
            raise KeyboardInterrupt
        return score_batch(pixels)

    with monkeypatch.context() as patch:
        patch.setattr(batch.scorer, "score_batch", killed)
        with pytest.raises(KeyboardInterrupt):
            batch.score(plan)
    assert batch.scored == 6

    (counts,), (file,) = batch.score(plan)

    assert batch.scored == 3
    assert counts.reused == 6
    assert [row["score"] for row in rows(file)] == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 101.0, 102.0, 103.0]


def test_another_model_scores_from_scratch(batch, images):
    batch.score(batch.plan(images))
    other = Model("20261125T101500Z-89abcdef", "other", "def")

    (counts,), (file,) = batch.score(batch.plan(images, other))

    assert batch.scored == 9
    assert counts.reused == 0
    assert parquet.read_schema(file).metadata[b"csad_model"] == b"other"


def test_other_code_scores_from_scratch(batch, images, monkeypatch):
    batch.score(batch.plan(images))
    monkeypatch.setattr(parts, "code_version", lambda module: "other")
    batch.score(batch.plan(images))
    assert batch.scored == 9


def test_new_changed_and_removed_images_touch_their_chunks_alone(batch, images, small_chunks):
    batch.score(batch.plan(images))
    time.sleep(0.02)
    draw(images / "8.png", 90)

    (counts,), (file,) = batch.score(batch.plan(images))

    assert (batch.scored, counts.reused) == (3, 6)
    assert rows(file)[8]["score"] == 90.0
    (images / "7.png").unlink()
    (counts,), (file,) = batch.score(batch.plan(images))
    assert (batch.scored, counts.reused, counts.images) == (2, 6, 8)


def test_an_unreadable_image_has_a_row_and_a_count_and_is_named_in_the_log(batch, images, caplog):
    (images / "2.png").write_bytes(b"broken")
    (images / "4.png").write_bytes(b"")
    Image.new("RGB", (30, 20)).save(images / "5.png")
    whole = (images / "5.png").read_bytes()
    (images / "5.png").write_bytes(whole[: len(whole) // 2])
    caplog.set_level(logging.INFO, "csad")

    (counts,), (file,) = batch.score(batch.plan(images))

    found = rows(file)
    assert [index for index, row in enumerate(found) if row["error"]] == [2, 4, 5]
    assert found[2]["error"] == f"{images / '2.png'}: not an image; expected PNG, JPEG, BMP, TIFF, WEBP"
    assert (found[2]["score"], found[2]["anomalous"], found[2]["branch_full"]) == (None, None, None)
    assert (counts.images, counts.unreadable, counts.anomalous) == (9, 3, 3)
    assert caplog.text.count("could not be scored: ") == 3
    (again,), _ = batch.score(batch.plan(images))
    assert (again.unreadable, again.reused, batch.scored) == (3, 9, 0)


def test_the_log_names_ten_unreadable_images_and_counts_the_rest(batch, tmp_path, caplog):
    for index in range(13):
        (tmp_path / "bad").mkdir(exist_ok=True)
        (tmp_path / f"bad/{index:02d}.png").write_bytes(b"broken")
    (counts,), (file,) = batch.score(batch.plan(tmp_path / "bad"))
    assert counts.unreadable == len(rows(file)) == 13
    assert caplog.text.count("could not be scored: ") == 10
    assert "3 more images could not be scored; their rows say why" in caplog.text


def test_names_of_a_list_that_are_not_there_have_rows_and_are_looked_for_again(batch, images):
    (images / "list.txt").write_text("0.png\ngone.png\n")
    plan = batch.plan(images / "list.txt")
    (counts,), (file,) = batch.score(plan)
    assert (plan.missing, counts.unreadable) == (1, 1)
    assert rows(file)[1]["error"] == f"{images / 'gone.png'}: no such file or object"

    draw(images / "gone.png", 77)
    (counts,), (file,) = batch.score(batch.plan(images / "list.txt"))
    assert [row["score"] for row in rows(file)] == [10.0, 77.0]
    assert counts.unreadable == 0


def test_an_image_that_changes_after_it_was_listed_is_scored_as_it_is_and_not_kept(batch, images, caplog):
    plan = batch.plan(images)
    time.sleep(0.02)
    draw(images / "0.png", 99)

    (counts,), (file,) = batch.score(plan)

    assert rows(file)[0]["score"] == 99.0
    assert rows(file)[0]["sha256"] == hashlib.sha256((images / "0.png").read_bytes()).hexdigest()
    assert counts.changed == 1
    assert "1 images changed after they were listed" in caplog.text
    (counts,), _ = batch.score(plan)
    assert (counts.reused, counts.changed) == (0, 1)


def test_a_file_that_the_system_refuses_has_a_row_and_is_tried_again(batch, images, monkeypatch):
    plan = batch.plan(images)

    def refuse(self, name):
        if name.endswith("0.png"):
            raise PermissionError(13, "Permission denied")
        return read(self, name)

    from csad.batch.sources import Sources

    read = Sources.read
    with monkeypatch.context() as patch:
        patch.setattr(Sources, "read", refuse)
        (counts,), (file,) = batch.score(plan)
    assert rows(file)[0]["error"] == f"{images / '0.png'}: cannot be read: Permission denied"
    assert (counts.unreadable, counts.changed) == (1, 0)

    (counts,), (file,) = batch.score(plan)
    assert (counts.unreadable, counts.reused) == (0, 0)
    assert rows(file)[0]["score"] == 10.0


def test_a_store_that_is_away_fails_the_task_and_is_no_fault_of_an_image(batch, store, address, monkeypatch):
    store.put_bytes("in/a.png", b"x")
    plan = batch.plan(address("in/"))

    def away(self, name):
        raise StoreError("no connection")

    monkeypatch.setattr("csad.batch.sources.Sources.read", away)
    with pytest.raises(StoreError, match="no connection"):
        batch.score(plan)


def test_images_of_a_bucket_are_scored_and_named_by_their_addresses(batch, store, address, images):
    for index in (1, 0):
        store.put_bytes(f"in/{index}.png", (images / f"{index}.png").read_bytes())
    (counts,), (file,) = batch.score(batch.plan(address("in/")))
    found = rows(file)
    assert [row["file"] for row in found] == [address("in/0.png"), address("in/1.png")]
    assert [row["score"] for row in found] == [10.0, 20.0]
    assert abs(found[0]["modified"] / 1e9 - time.time()) < 3600
    (counts,), _ = batch.score(batch.plan(address("in/")))
    assert counts.reused == 2


def cut_short(content):
    return content[:-20]


def emptied(content):
    return b""


def flipped(content):
    """Some bytes of the first column changed; the checksum of its page tells."""
    return content[:40] + bytes(byte ^ 0xFF for byte in content[40:48]) + content[48:]


@pytest.mark.parametrize("damage", [cut_short, emptied, flipped])
def test_a_damaged_part_in_the_store_is_scored_again_and_said(batch, store, images, caplog, damage):
    plan = batch.plan(images)
    batch.score(plan)
    (key,) = store.list("batches/kit/parts/")
    store.put_bytes(key, damage(store.read_bytes(key)[0]))

    (counts,), (file,) = batch.score(plan)

    assert f"{key} in the store is damaged; its 9 images are scored again" in caplog.text
    assert (batch.scored, counts.reused, rows(file)[8]["score"]) == (9, 0, 103.0)


def test_a_part_of_other_images_is_not_taken_for_ones_own(batch, store, images, tmp_path, caplog):
    batch.score(batch.plan(images))
    (key,) = store.list("batches/kit/parts/")
    draw(tmp_path / "other/0.png", 5)
    plan = batch.plan(tmp_path / "other")
    mine = f"batches/kit/parts/{parts.part_key(plan, plan.chunks[0])}.parquet"
    store.put_bytes(mine, store.read_bytes(key)[0])

    _, (file,) = batch.score(plan)

    assert [row["score"] for row in rows(file)] == [5.0]
    assert "is damaged; its 1 images are scored again" in caplog.text


def test_only_one_batch_of_encoded_images_is_in_memory(batch, images, monkeypatch):
    """Reads come in groups of the loop's batch: nothing of the next group before this one is scored."""
    log = []
    score_batch = batch.scorer.score_batch
    monkeypatch.setattr(batch.scorer, "score_batch", lambda pixels: log.append(len(pixels)) or score_batch(pixels))

    def read(image):
        log.append("read")
        return (images / image.name.rpartition("/")[2]).read_bytes(), True

    from csad.batch.sources import Sources

    listed = Sources(None).list(str(images)).images
    scoring.score_listed(batch.scorer, [*listed, *listed], read)

    assert log == ["read"] * BATCH + [BATCH] + ["read"] * BATCH + [BATCH] + ["read"] * 2 + [2]
