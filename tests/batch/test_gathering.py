import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from csad.batch import merging
from csad.batch.gathering import gather
from csad.batch.merging import Counts, merge
from csad.batch.places import put_results, require_replaceable, require_same_source
from csad.common.errors import DatasetError, StageError, StoreError
from csad.scoring.result_table import table_of

ORIGIN = {"csad_model": "abc", "csad_images": "folder"}


@pytest.fixture
def written(tmp_path):
    """Writes rows into a file."""

    def write(name, *rows):
        parquet.write_table(table_of(rows, ORIGIN), tmp_path / name)
        return tmp_path / name

    return write


def row(file, score=1.0, **more):
    return {"file": file, "score": score, "anomalous": score > 100, "branches": {"full": score}, **more}


def test_the_files_of_shards_become_one_in_the_order_of_the_names(batch, images, small_chunks, tmp_path):
    plan = batch.plan(images)
    results = []
    for of in (1, 2, 3, 5):
        _, files = batch.score(plan, of)
        summary = gather(plan, files[::-1], tmp_path / f"all-{of}.parquet")
        results.append(parquet.read_table(tmp_path / f"all-{of}.parquet").to_pylist())
        assert (summary.images, summary.anomalous, summary.unreadable) == (9, 3, 0)
    assert [one["file"] for one in results[0]] == [str(images / f"{index}.png") for index in range(9)]
    assert results[0] == results[1] == results[2] == results[3]


def test_the_summary_says_all_that_was_counted(batch, images, tmp_path):
    (images / "3.png").write_bytes(b"broken")
    (images / "list.txt").write_text("0.png\n3.png\n7.png\n0.png\ngone.png\n")
    plan = batch.plan(images / "list.txt")
    batch.score(plan)
    _, files = batch.score(plan)

    summary = gather(plan, files, tmp_path / "all.parquet")

    assert summary.metrics() == {
        "images": 4, "anomalous": 1, "unreadable": 2, "reused": 4, "changed": 0, "duplicates": 1, "missing": 1,
        "ignored": 0,
    }  # fmt: skip
    assert Counts.read(tmp_path / "all.parquet") == Counts(4, 1, 2, 4, 0)


def test_a_shard_that_is_not_there_is_an_error_and_no_shorter_file(batch, images, small_chunks, tmp_path):
    plan = batch.plan(images)
    _, files = batch.score(plan, 3)
    with pytest.raises(StageError, match="the shards hold 6 rows, the batch has 9 images; run it again"):
        gather(plan, files[:2], tmp_path / "all.parquet")
    assert not (tmp_path / "all.parquet").exists()


def test_a_row_that_is_there_twice_is_an_error(written, tmp_path):
    files = [written("a", row("x"), row("y")), written("b", row("y"), row("z"))]
    with pytest.raises(StageError, match="holds a row of y behind that of y"):
        merge(files, tmp_path / "all.parquet", ORIGIN, 0, 0)


def test_a_column_that_one_file_lacks_is_empty_there(written, tmp_path):
    files = [written("b", row("y", 2.0)), written("a", {"file": "x", "error": "x: broken"})]
    counts = merge(files, tmp_path / "all.parquet", ORIGIN, 0, 0)
    found = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert [(one["file"], one["branch_full"], one["error"]) for one in found] == [
        ("x", None, "x: broken"),
        ("y", 2.0, None),
    ]
    assert (counts.images, counts.unreadable) == (2, 1)


def test_rows_are_read_and_written_in_groups_of_one_size_wherever_the_files_end(written, tmp_path, monkeypatch):
    monkeypatch.setattr(merging, "ROWS", 2)
    monkeypatch.setattr(merging, "GROUP", 4)
    rows = [row(f"{index:02d}", float(index)) for index in range(11)]
    layouts = ([11], [1, 9, 1], [5, 6])
    contents = []
    for number, sizes in enumerate(layouts):
        ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
        pieces = [rows[end - size : end] for end, size in zip(ends, sizes, strict=True)]
        files = [written(f"{number}-{index}", *piece) for index, piece in enumerate(pieces)]
        output = tmp_path / f"all-{number}.parquet"
        merge(files, output, ORIGIN, 0, 0)
        found = parquet.ParquetFile(output)
        assert [found.metadata.row_group(index).num_rows for index in range(3)] == [4, 4, 3]
        contents.append(output.read_bytes())
    assert contents[0] == contents[1] == contents[2]


def test_no_rows_are_a_file_without_rows(tmp_path):
    counts = merge([], tmp_path / "none.parquet", ORIGIN, 0, 0)
    assert counts == Counts.read(tmp_path / "none.parquet") == Counts()
    assert parquet.read_table(tmp_path / "none.parquet").num_rows == 0


def test_a_file_that_is_no_result_of_a_shard_is_refused(tmp_path):
    (tmp_path / "x").write_text("x")
    with pytest.raises(StageError, match="is no result of a batch"):
        Counts.read(tmp_path / "x")


def test_results_replace_those_of_the_same_images_and_nothing_else(store, address, written, tmp_path):
    place = address("out/scores.parquet")
    require_replaceable(store, place, "folder")
    assert put_results(store, written("a", row("x")), "unused", place) == place

    require_replaceable(store, place, "folder")
    with pytest.raises(DatasetError, match=r"holds results of folder, not of other; name another file with --out"):
        require_replaceable(store, place, "other")
    store.put_bytes("out/scores.parquet", b"my notes")
    with pytest.raises(DatasetError, match=r"scores\.parquet is no Parquet file"):
        require_replaceable(store, place, "folder")
    parquet.write_table(pa.table({"mine": [1]}), tmp_path / "mine.parquet")
    with pytest.raises(DatasetError, match=r"mine\.parquet holds something else than scores"):
        require_same_source(tmp_path / "mine.parquet", "folder", "mine.parquet")


def test_without_a_place_results_lie_in_csads_own_store(store, address, written):
    assert put_results(store, written("a", row("x")), "batches/kit/results/1.parquet", "") == address(
        "batches/kit/results/1.parquet"
    )
    assert store.exists("batches/kit/results/1.parquet")


@pytest.mark.parametrize("wrong", ["s3://csad/scores.csv", "s3://csad/"])
def test_what_is_no_place_for_results_is_refused(store, wrong):
    with pytest.raises(DatasetError, match=r"expected s3://BUCKET/KEY\.parquet"):
        require_replaceable(store, wrong, "folder")
    with pytest.raises(StoreError, match="there is no bucket nobodys"):
        require_replaceable(store, "s3://nobodys/a.parquet", "folder")


def test_counts_are_kept_as_json(written, tmp_path):
    merge([written("a", row("x", 200.0))], tmp_path / "all.parquet", ORIGIN, 1, 0)
    metadata = parquet.read_metadata(tmp_path / "all.parquet").metadata
    assert json.loads(metadata[b"csad_counts"]) == {
        "images": 1, "anomalous": 1, "unreadable": 0, "reused": 1, "changed": 0
    }  # fmt: skip
    assert metadata[b"csad_model"] == b"abc"
