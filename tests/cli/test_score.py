import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from PIL import Image
from pyarrow import parquet

from csad.cli import main
from csad.line import ProductLine


@dataclass(frozen=True)
class StubScore:
    value: float
    threshold: float
    anomalous: bool
    branches: dict
    findings: tuple
    map: np.ndarray


@dataclass
class StubScorer:
    """Scores an image by its mean red value; above 100 it is anomalous. A thousandth of it heats the first pixel."""

    line: ProductLine = field(default_factory=lambda: ProductLine(name="kit"))
    batches: list = field(default_factory=list)
    normal_tail: float = 0.1

    def score_batch(self, images):
        print("a library's chatter")
        self.batches.append(len(images))
        return [self._score(image) for image in images]

    def _score(self, image):
        value = float(image[..., 0].mean())
        findings = ("cherry icon: missing", "banana: extra") if value > 100 else ()
        heat = np.zeros(image.shape[:2], np.float32)
        heat[0, 0] = value / 1000
        return StubScore(value, 100.0, value > 100, {"full": value, "global": 1.5}, findings, heat)


@pytest.fixture
def scorer(monkeypatch):
    stub = StubScorer()
    module = ModuleType("csad.scorer")
    module.Scorer = type("Scorer", (), {"load": staticmethod(lambda folder, device: stub)})
    monkeypatch.setitem(sys.modules, "csad.scorer", module)
    return stub


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "images"
    for name, value in (("a.png", 40), ("größe 2.png", 200), ("sub/c.png", 60)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 4), (value, 0, 0)).save(root / name)
    return root


def run(*arguments):
    return CliRunner().invoke(main, ["score", ".", *(str(argument) for argument in arguments)])


@pytest.mark.usefixtures("scorer")
def test_the_table_shows_file_score_threshold_decision_and_first_finding(images):
    result = run(images)
    assert result.exit_code == 0
    head, *rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert head == "file score threshold decision first finding"
    assert rows == [
        f"{images}/a.png 40.000 100.000 good",
        f"{images}/größe 2.png 200.000 100.000 ANOMALOUS cherry icon: missing",
        f"{images}/sub/c.png 60.000 100.000 good",
    ]
    assert "1 of 3 anomalous" in result.stderr


@pytest.mark.usefixtures("scorer")
def test_json_is_one_list_and_nothing_else_on_stdout(images):
    result = run(images, "--json")
    scores = json.loads(result.stdout)
    assert [Path(score["file"]).name for score in scores] == ["a.png", "größe 2.png", "c.png"]
    assert scores[1] == {
        "file": str(images / "größe 2.png"),
        "score": 200.0,
        "threshold": 100.0,
        "anomalous": True,
        "branches": {"full": 200.0, "global": 1.5},
        "findings": ["cherry icon: missing", "banana: extra"],
    }
    assert "a library's chatter" in result.stderr


@pytest.mark.usefixtures("scorer")
def test_one_image_is_a_list_of_one(images):
    assert len(json.loads(run(images / "a.png", "--json").stdout)) == 1


@pytest.mark.usefixtures("scorer")
def test_a_bad_image_is_named_and_the_rest_is_scored(images):
    (images / "b.png").write_bytes(b"broken")
    result = run(images, "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)) == 3
    assert f"1 of 4 images could not be scored:\n  {images / 'b.png'}: not an image" in result.stderr


@pytest.mark.usefixtures("scorer")
def test_only_bad_images_give_an_empty_list_and_fail(images):
    (images / "sub" / "c.png").write_bytes(b"broken")
    result = run(images / "sub", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == []


def test_images_are_scored_in_batches(images, scorer):
    for i in range(14):
        Image.new("RGB", (8, 4)).save(images / f"x{i:02d}.png")
    assert run(images).exit_code == 0
    assert scorer.batches == [8, 8, 1]


def test_large_images_are_scored_a_few_at_a_time(images, scorer, monkeypatch):
    monkeypatch.setattr("csad.image_batches.BATCH_PIXELS", 1)

    run(images)

    assert scorer.batches == [1] * 3


@pytest.mark.usefixtures("scorer")
def test_a_map_per_image_is_written_under_the_same_name(images, tmp_path):
    assert run(images, "--maps", tmp_path / "maps").exit_code == 0
    written = sorted(path.relative_to(tmp_path / "maps").as_posix() for path in (tmp_path / "maps").rglob("*.png"))
    assert written == ["a.png.png", "größe 2.png.png", "sub/c.png.png"]
    assert Image.open(tmp_path / "maps" / "a.png.png").size == (8, 4)


@pytest.mark.usefixtures("scorer")
def test_maps_of_good_and_anomalous_images_share_one_scale(images, tmp_path):
    run(images, "--maps", tmp_path)

    pictures = (np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int) for name in ("a.png", "sub/c.png"))
    below_half_the_tail, above_it = (np.abs(picture[0, 0] - picture[0, 1]).max() for picture in pictures)
    assert below_half_the_tail == 0
    assert 0 < above_it < 100
    # Twice the tail: 15 % of the grey image and 85 % of the darkest heat, (150, 0, 70).
    grey = 0.4 * np.array([200, 0, 0]) + 0.6 * 200 / 3
    full = np.asarray(Image.open(tmp_path / "größe 2.png.png"))[0, 0]
    np.testing.assert_allclose(full, 0.15 * grey + 0.85 * np.array([150, 0, 70]), atol=1)


@pytest.mark.usefixtures("scorer")
def test_a_map_of_one_image_lies_directly_in_the_folder(images, tmp_path):
    run(images / "sub" / "c.png", "--maps", tmp_path / "maps")
    assert (tmp_path / "maps" / "c.png.png").is_file()


@pytest.mark.usefixtures("scorer")
def test_a_folder_without_images_is_an_error(tmp_path):
    (tmp_path / ".hidden.png").touch()
    (tmp_path / "notes.txt").touch()
    result = run(tmp_path)
    assert result.exit_code == 1
    assert f"no images in {tmp_path} or its subfolders" in result.stderr


@pytest.fixture
def kept(scorer, images, tmp_path):
    """Score the images into a Parquet file; the file and how to read it."""
    scorer.manifest = SimpleNamespace(checksum="abc", snapshot="def")
    return tmp_path / "out" / "results.parquet"


def rows(path):
    return parquet.read_table(path).to_pylist()


def test_out_writes_a_row_per_image_with_a_column_per_branch(kept, images):
    (images / "b.png").write_bytes(b"broken")

    result = run(images, "--out", kept)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "1 of 3 anomalous" in result.stderr
    found = rows(kept)
    assert [Path(row["file"]).name for row in found] == ["a.png", "b.png", "größe 2.png", "c.png"]
    assert [row["score"] for row in found] == [40.0, None, 200.0, 60.0]
    assert [row["anomalous"] for row in found] == [False, None, True, False]
    assert found[2]["findings"] == ["cherry icon: missing", "banana: extra"]
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
    assert run(images, "--out", kept).exit_code == 1
    assert not kept.exists()
    journal = kept.with_name("results.parquet.journal")
    with journal.open("a") as stream:
        stream.write('{"file": "half a li')
    monkeypatch.setattr(scorer, "score_batch", score_batch)
    scorer.batches.clear()

    result = run(images, "--out", kept)

    assert result.exit_code == 0
    assert "8 of 17 images are scored already" in result.stderr
    assert scorer.batches == [8, 1]
    assert len(rows(kept)) == 17
    assert not journal.exists()


def test_a_finished_file_is_brought_up_to_date(kept, images, scorer):
    run(images, "--out", kept)
    Image.new("RGB", (8, 4), (90, 0, 0)).save(images / "a.png")
    Image.new("RGB", (8, 4), (80, 0, 0)).save(images / "d.png")
    (images / "sub" / "c.png").unlink()
    scorer.batches.clear()

    result = run(images, "--out", kept, "--json")

    assert result.exit_code == 0
    assert scorer.batches == [2]
    assert [(Path(row["file"]).name, row["score"]) for row in rows(kept)] == [
        ("a.png", 90.0),
        ("d.png", 80.0),
        ("größe 2.png", 200.0),
    ]
    assert [score["score"] for score in json.loads(result.stdout)] == [90.0, 80.0, 200.0]
    assert json.loads(result.stdout)[2]["branches"] == {"full": 200.0, "global": 1.5}


def test_results_of_another_model_are_not_replaced(kept, images, scorer):
    run(images, "--out", kept)
    before = kept.read_bytes()
    scorer.manifest.checksum = "other"

    result = run(images, "--out", kept)

    assert result.exit_code == 1
    assert f"{kept} holds results of another model (checksum abc, this one has other)" in result.stderr
    assert "name another file with --out, or remove this one" in result.stderr
    assert kept.read_bytes() == before


def test_results_of_another_folder_are_not_replaced(kept, images):
    run(images, "--out", kept)
    before = kept.read_bytes()

    result = run(images / "sub", "--out", kept)

    assert result.exit_code == 1
    assert f"{kept} holds results of {images}, not of {images / 'sub'}" in result.stderr
    assert kept.read_bytes() == before


def test_an_interrupted_run_of_another_model_is_not_replaced_either(kept, images, scorer, monkeypatch):
    def interrupted(batch):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scorer, "score_batch", interrupted)
        run(images, "--out", kept)
    scorer.manifest.checksum = "other"

    result = run(images, "--out", kept)

    assert result.exit_code == 1
    assert "results.parquet.journal holds results of another model" in result.stderr


def test_a_parquet_file_of_something_else_is_not_replaced(kept, images):
    kept.parent.mkdir()
    parquet.write_table(pa.table({"mine": [1]}), kept)

    result = run(images, "--out", kept)

    assert result.exit_code == 1
    assert "holds something else than results of csad score" in result.stderr
    assert parquet.read_table(kept).to_pydict() == {"mine": [1]}


def test_a_link_to_nowhere_is_named_and_the_rest_is_scored(kept, images):
    (images / "b.png").symlink_to(images / "gone.png")

    result = run(images, "--out", kept)

    assert result.exit_code == 1
    assert f"1 of 4 images could not be scored:\n  {images / 'b.png'}: no such file" in result.stderr
    found = rows(kept)
    assert [row["score"] for row in found] == [40.0, None, 200.0, 60.0]
    assert (found[1]["bytes"], found[1]["modified"]) == (None, None)
    assert "no such file" in found[1]["error"]


def test_an_image_that_vanishes_meanwhile_is_named_and_the_rest_is_scored(kept, images, scorer, monkeypatch):
    def load(folder, device):
        (images / "a.png").unlink()
        return scorer

    monkeypatch.setattr(sys.modules["csad.scorer"].Scorer, "load", staticmethod(load))

    result = run(images, "--out", kept)

    assert result.exit_code == 1
    assert f"{images / 'a.png'}: no such file" in result.stderr
    assert [row["score"] for row in rows(kept)] == [None, 200.0, 60.0]


def test_maps_that_are_missing_or_older_than_their_image_are_drawn_for_known_images_too(kept, images, scorer, tmp_path):
    run(images, "--out", kept)
    scorer.batches.clear()
    maps = tmp_path / "maps"

    assert run(images, "--out", kept, "--maps", maps).exit_code == 0
    assert (maps / "a.png.png").is_file()
    assert (maps / "sub" / "c.png.png").is_file()
    run(images, "--out", kept, "--maps", maps)
    assert scorer.batches == [3]
    os.utime(maps / "a.png.png", ns=(0, 0))
    run(images, "--out", kept, "--maps", maps)
    assert scorer.batches == [3, 1]
    assert len(rows(kept)) == 3


def test_a_file_of_another_kind_is_not_overwritten(kept, images):
    kept.parent.mkdir()
    kept.write_text("my notes")

    result = run(images, "--out", kept)

    assert result.exit_code == 1
    assert "no Parquet file" in result.stderr
    assert kept.read_text() == "my notes"


ODD_NAMES = ["next\x85line.png", "line\u2028separator.png", os.fsdecode(b"latin-1 gr\xf6\xdfe.png"), "back\\slash.png"]


@pytest.fixture
def oddly_named(tmp_path):
    root = tmp_path / "odd"
    root.mkdir()
    for value, name in enumerate(ODD_NAMES):
        try:
            Image.new("RGB", (8, 4), (value, 0, 0)).save(root / name)
        except OSError:
            pytest.skip(f"this file system has no names like {name!r}")
    return root


def test_names_of_any_characters_come_into_the_file_and_are_known_again(kept, oddly_named, scorer):
    (oddly_named / os.fsdecode(b"broken \xff.png")).write_bytes(b"broken")

    assert run(oddly_named, "--out", kept).exit_code == 1
    found = {Path(row["file"]).name: row for row in rows(kept)}
    assert set(found) == {*ODD_NAMES[:2], "latin-1 gr\\xf6\\xdfe.png", ODD_NAMES[3], "broken \\xff.png"}
    assert [found[name]["score"] for name in ODD_NAMES[:2]] == [0.0, 1.0]
    assert "broken \\xff.png: not an image" in found["broken \\xff.png"]["error"]
    scorer.batches.clear()
    run(oddly_named, "--out", kept)
    assert scorer.batches == []


def test_an_interrupted_run_goes_on_whatever_the_names(kept, oddly_named, scorer, monkeypatch):
    def interrupted(batch):
        if len(scorer.batches) == 1:
            raise KeyboardInterrupt
        return score_batch(batch)

    score_batch = scorer.score_batch
    monkeypatch.setattr(sys.modules["csad.cli.score"], "BATCH", 3)
    monkeypatch.setattr(scorer, "score_batch", interrupted)
    run(oddly_named, "--out", kept)
    monkeypatch.setattr(scorer, "score_batch", score_batch)

    assert "3 of 4 images are scored already" in run(oddly_named, "--out", kept).stderr
    assert scorer.batches == [3, 1]


@pytest.mark.usefixtures("scorer")
def test_names_of_any_characters_are_shown_and_listed(oddly_named):
    assert run(oddly_named).exit_code == 0
    names = {Path(score["file"]).name for score in json.loads(run(oddly_named, "--json").stdout)}
    assert names == set(ODD_NAMES)
