"""When the results of a batch stand its chunks go, and later batches take rows from the results."""

import logging

import pytest
from pyarrow import parquet

from csad.batch import finished, shard
from csad.batch.cleaning import lines_with_chunks, prune_chunks
from csad.batch.finished import lasting_chunks
from csad.batch.gathering import finish
from csad.batch.plan import Model
from csad.common.errors import StageError, StoreError
from csad.store.prune import Pruned
from tests.batch.conftest import MODEL, draw
from tests.store.test_prune import AgedStore

PARTS = "batches/kit/parts/"

pytestmark = pytest.mark.usefixtures("small_chunks")


@pytest.fixture(autouse=True)
def known_by_content(monkeypatch):
    """Files that were just written are known by their digest, older ones by their stamp: here all by their digest."""
    monkeypatch.setattr("csad.common.file_stamp.FileStamp.is_settled", lambda *_: False)


@pytest.fixture
def run(batch, store, tmp_path):
    """Scores and gathers; how many images were scored, what was gathered, and the rows."""

    def run(where, of=1, out="", model=MODEL):
        plan = batch.plan(where, model)
        _, files = batch.score(plan, of)
        gathered = finish(store, plan, files, tmp_path / "all.parquet", out)
        return batch.scored, gathered, parquet.read_table(tmp_path / "all.parquet")

    return run


def test_chunks_go_when_the_results_stand_and_the_same_again_scores_nothing(run, store, images):
    scored, first, rows = run(images)
    assert scored == 9
    assert list(store.list(PARTS)) == []
    assert len(list(store.list("batches/kit/results/"))) == 1

    for of in (1, 2, 5):
        scored, again, same = run(images, of)
        assert (scored, again.summary.reused, again.address) == (0, 9, first.address)
        assert same.equals(rows)
        assert list(store.list(PARTS)) == []


def test_a_folder_that_has_grown_costs_the_chunk_that_is_new(run, images):
    run(images)
    draw(images / "9.png", 90)
    scored, gathered, rows = run(images)
    assert (scored, gathered.summary.reused) == (1, 9)
    assert rows.num_rows == 10


def test_results_of_another_source_serve_the_same_images_too(run, images):
    run(images)
    (images / "list.txt").write_text("".join(f"{index}.png\n" for index in range(6)))
    assert run(images / "list.txt")[0] == 0


def test_where_the_results_of_the_same_source_are_gone_others_serve(run, store, images, address):
    run(images, out=address("out/all.parquet"))
    (images / "list.txt").write_text("".join(f"{index}.png\n" for index in range(9)))
    _, _, rows = run(images / "list.txt")
    store.delete(["out/all.parquet"])
    scored, _, same = run(images)
    assert scored == 0
    assert same.column("score").equals(rows.column("score"))


def test_a_batch_under_way_takes_what_another_finished_meanwhile(batch, store, images, tmp_path, monkeypatch):
    plan = batch.plan(images)
    real = shard.score_listed

    def another_finishes_first(*arguments):
        monkeypatch.setattr(shard, "score_listed", real)
        _, files = batch.score(plan, of=2)
        finish(store, plan, files, tmp_path / "other.parquet", "")
        batch.scorer.batches.clear()
        return real(*arguments)

    monkeypatch.setattr(shard, "score_listed", another_finishes_first)
    (counts,), files = batch.score(plan)
    assert (batch.scored, counts.reused) == (3, 6), "the chunk that it was at is scored twice, and no other"
    finish(store, plan, files, tmp_path / "all.parquet", "")
    columns = [parquet.read_table(tmp_path / name).to_pydict() for name in ("all.parquet", "other.parquet")]
    assert columns[0] == columns[1]


def test_of_many_finished_batches_the_latest_are_looked_at(run, images, monkeypatch):
    monkeypatch.setattr(finished, "MOST", 1)
    run(images)
    (images / "list.txt").write_text("".join(f"{index}.png\n" for index in range(6)))
    run(images / "list.txt")
    assert run(images)[0] == 0, "that of the same source comes first"


def test_rows_are_found_wherever_the_groups_of_the_file_end(run, images, monkeypatch):
    monkeypatch.setattr("csad.batch.merging.ROWS", 2)
    monkeypatch.setattr("csad.batch.merging.GROUP", 4)
    _, _, rows = run(images)
    scored, _, same = run(images)
    assert scored == 0
    assert same.equals(rows)


def test_another_model_takes_nothing_from_them(run, images):
    run(images)
    assert run(images, model=Model("20261125T101500Z-0123abcd", "other", "def"))[0] == 9


def test_a_run_that_is_killed_before_the_removal_loses_nothing_and_the_next_one_finishes_it(
    run, store, images, monkeypatch, caplog
):
    def refuse(keys):
        raise StoreError("the store went away")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(store, "delete", refuse)
        _, gathered, rows = run(images)
    assert gathered.summary.images == 9
    assert len(list(store.list(PARTS))) == 3
    assert "the results stand, but chunks stay in the store; the next run removes them: the store went" in caplog.text

    scored, _, same = run(images)
    assert scored == 0
    assert same.equals(rows)
    assert list(store.list(PARTS)) == []


def test_a_removal_that_was_cut_short_is_finished_by_the_next_run(run, batch, store, images):
    batch.score(batch.plan(images))
    kept, *_ = store.list(PARTS)
    content, _ = store.read_bytes(kept)
    run(images)
    store.put_bytes(kept, content)
    assert run(images)[0] == 0
    assert list(store.list(PARTS)) == []


def test_chunks_of_another_batch_stay(run, batch, store, images, tmp_path):
    draw(tmp_path / "others" / "a.png", 5)
    batch.score(batch.plan(tmp_path / "others"))
    (other,) = store.list(PARTS)
    run(images)
    assert list(store.list(PARTS)) == [other]


def test_results_that_somebody_changed_are_not_used_and_that_is_said_once(run, store, images, address, caplog):
    run(images, out=address("out/all.parquet"))
    store.put_bytes("out/all.parquet", b"my notes")
    with caplog.at_level(logging.WARNING):
        scored, _, _ = run(images)
    assert scored == 9
    (said,) = (one.getMessage() for one in caplog.records if "scored again" in one.getMessage())
    assert said.startswith("results of a finished batch are not used; what no other holds is scored again: the object ")
    assert "out/all.parquet in the store is damaged" in said


def test_a_damaged_record_is_said_and_costs_scoring_again(run, store, images, caplog):
    run(images)
    (record,) = store.list("batches/kit/finished/")
    store.put_bytes(record, b"{}")
    with caplog.at_level(logging.WARNING):
        assert run(images)[0] == 9
    assert f"the results of a finished batch are not used: {record} in the store is damaged" in caplog.text


def test_an_image_that_changed_under_way_is_scored_again_by_the_next_run(batch, store, images, tmp_path):
    plan = batch.plan(images)
    draw(images / "4.png", 200)
    _, files = batch.score(plan)
    assert set(lasting_chunks(files)) == {0, 2}
    finish(store, plan, files, tmp_path / "all.parquet", "")

    batch.score(batch.plan(images))
    assert batch.scored == 3


def test_a_file_of_no_shard_is_refused(run, images, tmp_path):
    run(images)
    with pytest.raises(StageError, match="is no result of a shard"):
        lasting_chunks([tmp_path / "all.parquet"])


def test_chunks_of_a_batch_that_never_finished_go_by_their_age_before_the_last_batch(own_store, store):
    aged = AgedStore.connect(own_store)
    aged.ages = {"plan.json": 2, "parts/old": 40, "parts/late": 31}
    for key, content in (("plans/x/plan.json", b"p"), ("parts/old.parquet", b"123"), ("parts/late.parquet", b"12")):
        store.put_bytes(f"batches/kit/{key}", content)
    assert lines_with_chunks(aged) == ["kit"]
    assert prune_chunks(aged, "kit", 30) == Pruned("kit", files=1, bytes=3, kept=1)
    assert list(store.list(PARTS)) == [f"{PARTS}late.parquet"]
    assert prune_chunks(aged, "other", 30) == Pruned("other", 0, 0, 0)
    with pytest.raises(ValueError, match="days is 0, expected 1 or more"):
        prune_chunks(aged, "kit", 0)
