import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.stub_scorer import ODD_NAMES, run_score


@pytest.mark.usefixtures("scorer")
def test_the_table_shows_file_score_threshold_decision_and_first_finding(images):
    result = run_score(images)
    assert result.exit_code == 0
    head, *rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert head == "file score threshold decision first explanation"
    assert rows == [
        f"{images}/a.png 40.000 100.000 good",
        f"{images}/größe 2.png 200.000 100.000 ANOMALOUS cherry icon: missing",
        f"{images}/sub/c.png 60.000 100.000 good",
    ]
    assert "1 of 3 anomalous" in result.stderr
    assert (
        "threshold 100 is for 0.01 of good products rejected (95 % interval 0 to 0.03, 120 good images); "
        "synthetic anomalies found: foreign patch 90%"
    ) in result.stderr


@pytest.mark.usefixtures("scorer")
def test_json_is_one_list_and_nothing_else_on_stdout(images):
    result = run_score(images, "--json")
    scores = json.loads(result.stdout)
    assert [Path(score["file"]).name for score in scores] == ["a.png", "größe 2.png", "c.png"]
    assert scores[1] == {
        "file": str(images / "größe 2.png"),
        "score": 200.0,
        "threshold": 100.0,
        "anomalous": True,
        "branches": {"full": 200.0, "global": 1.5},
        "explanations": ["cherry icon: missing", "banana: extra"],
    }
    assert "a library's chatter" in result.stderr


@pytest.mark.usefixtures("scorer")
def test_one_image_is_a_list_of_one(images):
    assert len(json.loads(run_score(images / "a.png", "--json").stdout)) == 1


@pytest.mark.usefixtures("scorer")
def test_a_bad_image_is_named_and_the_rest_is_scored(images):
    (images / "b.png").write_bytes(b"broken")
    result = run_score(images, "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)) == 3
    assert f"1 of 4 images could not be scored:\n  {images / 'b.png'}: not an image" in result.stderr


@pytest.mark.usefixtures("scorer")
def test_only_bad_images_give_an_empty_list_and_fail(images):
    (images / "sub" / "c.png").write_bytes(b"broken")
    result = run_score(images / "sub", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == []


def test_images_are_scored_in_batches(images, scorer):
    for i in range(14):
        Image.new("RGB", (8, 4)).save(images / f"x{i:02d}.png")
    assert run_score(images).exit_code == 0
    assert scorer.batches == [8, 8, 1]


def test_large_images_are_scored_a_few_at_a_time(images, scorer, monkeypatch):
    monkeypatch.setattr("csad.images.image_batches.BATCH_PIXELS", 1)

    run_score(images)

    assert scorer.batches == [1] * 3


@pytest.mark.usefixtures("scorer")
def test_a_map_per_image_is_written_under_the_same_name(images, tmp_path):
    assert run_score(images, "--maps", tmp_path / "maps").exit_code == 0
    written = sorted(path.relative_to(tmp_path / "maps").as_posix() for path in (tmp_path / "maps").rglob("*.png"))
    assert written == ["a.png.png", "größe 2.png.png", "sub/c.png.png"]
    assert Image.open(tmp_path / "maps" / "a.png.png").size == (8, 4)


@pytest.mark.usefixtures("scorer")
def test_maps_of_good_and_anomalous_images_share_one_scale(images, tmp_path):
    run_score(images, "--maps", tmp_path)

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
    run_score(images / "sub" / "c.png", "--maps", tmp_path / "maps")
    assert (tmp_path / "maps" / "c.png.png").is_file()


@pytest.mark.usefixtures("scorer")
def test_a_folder_without_images_is_an_error(tmp_path):
    (tmp_path / ".hidden.png").touch()
    (tmp_path / "notes.txt").touch()
    result = run_score(tmp_path)
    assert result.exit_code == 1
    assert f"no images in {tmp_path} or its subfolders" in result.stderr


@pytest.mark.usefixtures("scorer")
def test_names_of_any_characters_are_shown_and_listed(oddly_named):
    assert run_score(oddly_named).exit_code == 0
    names = {Path(score["file"]).name for score in json.loads(run_score(oddly_named, "--json").stdout)}
    assert names == set(ODD_NAMES)


@pytest.mark.usefixtures("scorer")
def test_linked_folders_and_other_endings_are_scored_and_the_rest_is_counted(images, tmp_path, caplog):
    (tmp_path / "camera").mkdir()
    Image.new("RGB", (8, 4)).save(tmp_path / "camera" / "d.jfif", format="JPEG")
    (images / "cam").symlink_to("../camera")
    (images / "notes.txt").touch()

    found = json.loads(run_score(images, "--json").stdout)

    names = [Path(score["file"]).relative_to(images).as_posix() for score in found]
    assert names == ["a.png", "cam/d.jfif", "größe 2.png", "sub/c.png"]
    assert f"{images}: 1 file ignored: .txt 1" in caplog.text


@pytest.mark.usefixtures("scorer")
def test_the_masks_of_a_data_set_are_no_images_to_score(images):
    for folder in ("test/good", "ground_truth/bad"):
        (images / folder).mkdir(parents=True)
        Image.new("L", (8, 4)).save(images / folder / "m.png")

    assert len(json.loads(run_score(images, "--json").stdout)) == 4


@pytest.mark.parametrize("options", [("--maps", "maps"), ("--maps", "."), ("--out", "results.png")])
def test_outputs_that_would_be_scored_the_next_time_are_refused_before_anything_is_done(images, scorer, options):
    before = sorted(images.rglob("*"))

    result = run_score(images, options[0], images / options[1])

    assert result.exit_code == 1
    assert f"{options[0]} {images / options[1]} lies in {images}, whose images are read" in result.stderr
    assert scorer.batches == []
    assert sorted(images.rglob("*")) == before


@pytest.mark.usefixtures("scorer")
def test_maps_of_a_folder_inside_the_maps_are_refused_where_they_would_fall_among_its_images(images):
    maps = images.parent
    assert run_score(images, "--maps", maps).exit_code == 0
    inner = images / "images"
    inner.mkdir()
    Image.new("RGB", (8, 4)).save(inner / "e.png")

    result = run_score(images, "--maps", maps)

    assert result.exit_code == 1
    assert "whose images are read" in result.stderr
