import json
import os
import shutil

import pytest
from PIL import Image

from csad.common.errors import DatasetError, StageError
from csad.images import scan
from csad.images.training_images import canvas_of
from csad.runner.snapshot import Snapshot, open_snapshot
from csad.runner.stage_runner import StageRunner
from csad.stages import ingest


def stems(images):
    return [image.stem for image in images]


def test_images_are_taken_in_with_their_original_bytes(tiny_line, tiny_line_data, tmp_path):
    summary = ingest.run(tiny_line, tiny_line_data, tmp_path / "images")

    assert (summary.train, summary.validation, summary.test, summary.problems) == (10, 5, 9, 0)
    original = (tiny_line_data / "train/good/003.png").read_bytes()
    assert (tmp_path / "images/train/good/003.png").read_bytes() == original
    assert (tmp_path / "images/ground_truth/logical_anomalies/001/000.png").is_file()
    assert summary.metrics() == pytest.approx(
        {"train": 10, "validation": 5, "test": 9, "problems": 0, "megabytes": summary.megabytes}
        | {"near_equal": 0, "dependent": 0, "unusual": 0, "excluded": 0, "registered": 0}
    )


def test_an_ingested_folder_opens_as_the_same_data_set(tiny_line, tiny_line_data, tmp_path):
    summary = ingest.run(tiny_line, tiny_line_data, tmp_path / "images")

    images = open_snapshot(tmp_path / "images")
    assert stems(images.train) == [f"{index:03d}" for index in range(10)]
    assert {image.kind for image in images.test} == {"good", "logical_anomalies", "structural_anomalies"}
    assert (images.digest, images.training_digest) == (summary.digest, summary.training_digest)
    assert Snapshot.find(tmp_path / "images").counts["test/logical_anomalies"] == 3


def test_the_canvas_is_on_record_whatever_the_test_images_are(tiny_line, tiny_line_data, tmp_path):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    shutil.rmtree(data / "test")
    ingest.run(tiny_line, tiny_line_data, tmp_path / "tested")
    ingest.run(tiny_line, data, tmp_path / "untested")

    canvas = open_snapshot(tmp_path / "tested").canvas
    expected = canvas_of(tiny_line, scan(tiny_line_data, tiny_line))
    assert (canvas.box, canvas.height, canvas.width) == (expected.box, expected.height, expected.width)
    assert open_snapshot(tmp_path / "untested").canvas == canvas
    assert Snapshot.find(tmp_path / "tested").of_training().canvas == canvas


def test_a_snapshot_of_an_earlier_csad_has_no_canvas_and_it_is_fitted_where_it_is_needed(
    tiny_line, tiny_line_data, tmp_path, caplog
):
    ingest.run(tiny_line, tiny_line_data, tmp_path)
    record = json.loads((tmp_path / "snapshot.json").read_text())
    fitted = record.pop("canvas")
    (tmp_path / "snapshot.json").write_text(json.dumps(record))

    with caplog.at_level("INFO"):
        canvas = canvas_of(tiny_line, open_snapshot(tmp_path))

    assert list(canvas.box) == fitted["box"]
    assert "the canvas is fitted here" in caplog.text


def test_a_flat_folder_gets_the_layout_and_keeps_its_split(tiny_line, tiny_line_data, tmp_path):
    shutil.copytree(tiny_line_data / "train/good", tmp_path / "flat")

    first = ingest.run(tiny_line, tmp_path / "flat", tmp_path / "first")
    ingest.run(tiny_line, tmp_path / "flat", tmp_path / "second")

    assert first.train + first.validation == 10
    assert first.validation >= 1
    assert stems(open_snapshot(tmp_path / "first").validation) == stems(open_snapshot(tmp_path / "second").validation)


def test_an_image_whose_name_is_not_utf_8_is_left_out_and_on_record(tiny_line, tiny_line_data, tmp_path):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    (data / "train/good/003.png").rename(data / "train/good" / os.fsdecode(b"gr\xf6\xdfe.png"))
    line = tiny_line.model_copy(update={"images": tiny_line.images.model_copy(update={"max_bad_fraction": 0.1})})

    summary = ingest.run(line, data, tmp_path / "images")

    assert (summary.train, summary.problems) == (9, 1)
    assert [problem.path for problem in Snapshot.find(tmp_path / "images").problems] == [r"train/good/gr\xf6\xdfe.png"]


def test_an_unreadable_image_is_left_out_and_on_record(tiny_line, tiny_line_data, tmp_path):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    (data / "test/good/broken.png").write_bytes(b"not an image")
    line = tiny_line.model_copy(update={"images": tiny_line.images.model_copy(update={"max_bad_fraction": 0.1})})

    summary = ingest.run(line, data, tmp_path / "images")

    assert summary.problems == 1
    assert not (tmp_path / "images/test/good/broken.png").exists()
    recorded = json.loads((tmp_path / "images/snapshot.json").read_text())["problems"]
    assert [problem["path"] for problem in recorded] == ["test/good/broken.png"]
    assert "left out" in summary.headline()


def test_too_many_unreadable_images_stop_it_by_name(tiny_line, tiny_line_data, tmp_path):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    (data / "test/good/broken.png").write_bytes(b"not an image")

    with pytest.raises(DatasetError, match=r"broken\.png"):
        ingest.run(tiny_line, data, tmp_path / "images")


def test_names_with_spaces_and_umlauts_survive(tiny_line, tiny_line_data, tmp_path):
    data = shutil.copytree(tiny_line_data, tmp_path / "daten für alle")
    (data / "train/good/000.png").rename(data / "train/good/Teil größer 1.png")

    ingest.run(tiny_line, data, tmp_path / "images")

    assert "Teil größer 1" in stems(open_snapshot(tmp_path / "images").train)


def test_the_masks_of_the_older_naming_move_into_the_layout(tiny_line, tiny_line_data, tmp_path):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    shutil.rmtree(data / "ground_truth/logical_anomalies/000")
    Image.new("L", (128, 128), 255).save(data / "ground_truth/logical_anomalies/000_mask.png")

    ingest.run(tiny_line, data, tmp_path / "images")

    assert (tmp_path / "images/ground_truth/logical_anomalies/000/000.png").is_file()


def test_the_training_digest_ignores_the_test_images(tiny_line, tiny_line_data, tmp_path):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    before = ingest.run(tiny_line, data, tmp_path / "before")
    (data / "test/good/000.png").unlink()
    after = ingest.run(tiny_line, data, tmp_path / "after")

    assert before.digest != after.digest
    assert before.training_digest == after.training_digest


def test_a_folder_that_was_not_ingested_is_refused(tiny_line_data):
    with pytest.raises(StageError, match="ingest"):
        open_snapshot(tiny_line_data)


EDITED = ("train/good/003.png", "ground_truth/logical_anomalies/001/000.png", "defects_config.json")


@pytest.mark.parametrize("name", EDITED)
def test_who_edits_a_file_of_his_after_it_was_taken_in_changes_nothing_that_was_taken_in(
    tiny_line, tiny_line_data, tmp_path, name
):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    (data / "defects_config.json").write_text("[]")
    ingest.run(tiny_line, data, tmp_path / "images")
    before = (tmp_path / "images" / name).read_bytes()

    with (data / name).open("r+b") as stream:  # as cp does: the same inode
        stream.write(b"poison")

    assert (tmp_path / "images" / name).read_bytes() == before
    assert not (tmp_path / "images" / name).samefile(data / name)


@pytest.mark.parametrize("name", EDITED)
@pytest.mark.parametrize("edit", [lambda path: path.write_bytes(b"[1]"), lambda path: path.unlink()])
def test_a_file_that_changes_between_check_and_copy_stops_it_by_name(
    tiny_line, tiny_line_data, tmp_path, monkeypatch, name, edit
):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    (data / "defects_config.json").write_text("[]")

    def scan_then_edit(*given):
        found = scan(*given)
        edit(data / name)
        return found

    monkeypatch.setattr(ingest, "scan", scan_then_edit)
    with pytest.raises(DatasetError, match=f"{name} changed after it was checked; run the same command again"):
        ingest.run(tiny_line, data, tmp_path / "images")
    assert Snapshot.find(tmp_path / "images") is None


def test_a_mask_that_comes_between_check_and_copy_stops_it_too(tiny_line, tiny_line_data, tmp_path, monkeypatch):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    masks = data / "ground_truth/logical_anomalies/001"

    def scan_then_add(*given):
        found = scan(*given)
        shutil.copy(masks / "000.png", masks / "001.png")
        return found

    monkeypatch.setattr(ingest, "scan", scan_then_add)
    with pytest.raises(DatasetError, match=r"001/001\.png changed after it was checked"):
        ingest.run(tiny_line, data, tmp_path / "images")


def test_data_edited_between_the_first_look_and_the_check_is_not_kept_under_the_look_s_key(
    tiny_line, tiny_line_data, tmp_path, monkeypatch, caplog
):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    runner = StageRunner(tmp_path / "stages", tiny_line, seed=0)
    edited = data / "train/good/003.png"
    original = edited.read_bytes()

    def edit_then_scan(*given):
        shutil.copyfile(data / "train/good/004.png", edited)
        return scan(*given)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "scan", edit_then_scan)
        poisoned = runner.run(ingest.STAGE, data=data)
    edited.write_bytes(original)
    clean = runner.run(ingest.STAGE, data=data)

    assert "ingest: its input was written to meanwhile; the next run takes it in again" in caplog.messages
    assert not clean.reused
    assert clean.summary.digest != poisoned.summary.digest
    assert (clean.folder / "train/good/003.png").read_bytes() == original
    assert runner.run(ingest.STAGE, data=data).reused


def test_results_that_are_written_into_the_data_folder_are_no_change_of_the_data(
    tiny_line, tiny_line_data, tmp_path, caplog
):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    StageRunner(data / "model.stages", tiny_line, seed=0).run(ingest.STAGE, data=data)

    assert not [message for message in caplog.messages if "written to meanwhile" in message]


def test_day_folders_and_linked_folders_are_taken_in_and_the_rest_is_counted(
    tiny_line, tiny_line_data, tmp_path, caplog
):
    days = tmp_path / "days"
    shutil.copytree(tiny_line_data / "train/good", days / "day1")
    shutil.copytree(tiny_line_data / "validation/good", tmp_path / "camera")
    (days / "cam").symlink_to("../camera")
    (days / "day1" / "x.gif").touch()

    summary = ingest.run(tiny_line, days, tmp_path / "images")

    assert summary.train + summary.validation == 15
    names = {image.stem for image in open_snapshot(tmp_path / "images").train}
    assert {name.rpartition("__")[0] for name in names} == {"day1", "cam"}
    assert f"{days}: 1 file ignored: .gif 1" in caplog.text


def test_masks_of_test_images_in_subfolders_keep_their_images(tiny_line, tiny_line_data, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(tiny_line_data, data)
    for place in ("test/logical_anomalies", "ground_truth/logical_anomalies"):
        (data / place).rename(data / "moved")
        (data / place).mkdir()
        (data / "moved").rename(data / place / "day1")

    ingest.run(tiny_line, data, tmp_path / "images")

    assert (tmp_path / "images/test/logical_anomalies/day1__001.png").is_file()
    assert (tmp_path / "images/ground_truth/logical_anomalies/day1__001/000.png").is_file()
