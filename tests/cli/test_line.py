import json
import logging
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from csad.cli import main
from csad.config.line import ProductLine


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "kit.yaml"
    path.write_text(ProductLine(name="kit").to_yaml())
    return path


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    for folder, count in (("train/good", 3), ("validation/good", 1), ("test/good", 1), ("test/logical_anomalies", 1)):
        (root / folder).mkdir(parents=True)
        for i in range(count):
            colour = (i, len(folder), 0)
            Image.new("RGB", (64, 96), colour).save(root / folder / f"{i}.png")
    return root


def test_new_writes_a_line_that_can_be_used(tmp_path):
    result = run("line", "new", "bottle_1", "--output", tmp_path / "lines" / "b.yaml")
    assert result.exit_code == 0
    assert ProductLine.from_file(tmp_path / "lines" / "b.yaml") == ProductLine(name="bottle_1")


def test_new_needs_no_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("line", "new", "bottles").exit_code == 0
    assert (tmp_path / "bottles.yaml").is_file()


def test_new_replaces_a_file_only_when_forced(file):
    file.write_text("precious")
    refused = run("line", "new", "kit", "--output", file)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert file.read_text() == "precious"
    assert run("line", "new", "kit", "--output", file, "--force").exit_code == 0
    assert ProductLine.from_file(file).name == "kit"


def test_new_refuses_a_name_that_is_no_slug(tmp_path):
    result = run("line", "new", "größe", "--output", tmp_path / "a.yaml")
    assert result.exit_code == 2
    assert "found 'größe', expected 1 to 63 ASCII characters" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_new_below_a_file_says_what_is_wrong(tmp_path):
    (tmp_path / "file").touch()
    result = run("line", "new", "a", "--output", tmp_path / "file" / "a.yaml")
    assert result.exit_code == 1
    assert "choose another place" in result.stderr


def test_check_counts_and_plans(file, data):
    result = run("line", "check", file, "--data", data)
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for expected in ("train/good 3", "test/logical_anomalies 1", "64x96 6", "RGB 6", "ready to train"):
        assert expected in lines
    assert "1 of 1 anomalous test images have no mask" in result.stdout
    assert "600 steps with synthetic logical anomalies" in result.stdout


def test_check_as_json_is_one_object(file, data):
    found = json.loads(run("line", "check", file, "--data", data, "--json").stdout)
    assert found["would_train"] is True
    assert found["obstacle"] is None
    assert found["counts"] == {
        "train/good": 3,
        "validation/good": 1,
        "test/good": 1,
        "test/logical_anomalies": 1,
    }
    assert found["sizes"] == {"64x96": 6}
    assert len(found["digest"]) == 64


def test_check_fails_where_training_would(file, data):
    (data / "train/good/1.png").write_bytes(b"")
    result = run("line", "check", file, "--data", data, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["would_train"] is False
    assert found["problems"] == [f"{data / 'train/good/1.png'}: empty file (0 bytes)"]
    assert "1 of 6 files" in found["obstacle"]
    assert found["plan"] == []


def test_check_of_a_folder_without_images_fails_with_json_too(file, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("line", "check", file, "--data", tmp_path / "empty", "--json")
    assert result.exit_code == 1
    assert "it is empty" in json.loads(result.stdout)["obstacle"]


def test_check_fails_when_the_weights_are_missing(data, tmp_path):
    file = tmp_path / "wide.yaml"
    file.write_text("name: wide\nbackbone: {name: wide_resnet50_2.tv2_in1k}\n")
    result = run("line", "check", file, "--data", data)
    assert result.exit_code == 1
    assert "training would FAIL: no package carries the weights" in result.stdout


def test_check_warns_of_foundation_models_that_this_machine_lacks(data, tmp_path):
    (tmp_path / "weights").mkdir()
    file = tmp_path / "kit.yaml"
    file.write_text(
        f"name: kit\ntags: {{prompts: [screw]}}\npseudo_labels: {{proposals: foundation, "
        f"foundation: {{weights: {tmp_path / 'weights'}, sam: vit_tiny}}}}\n"
    )

    result = run("line", "check", file, "--data", data)

    assert result.exit_code == 0
    assert "WARNING: on this machine the foundation models would fail:" in result.stdout
    assert "csad weights sync sam_hq_vit_tiny groundingdino_swint_ogc bert_config" in result.stdout
    assert result.stdout.endswith("ready to train on a machine that has the foundation models\n")
    assert json.loads(run("line", "check", file, "--data", data, "--json").stdout)["missing"]


def test_check_of_classical_proposals_needs_no_foundation_model(file, data):
    assert json.loads(run("line", "check", file, "--data", data, "--json").stdout)["missing"] == []


def test_check_warns_of_images_that_leak_between_splits(file, data):
    shutil.copy(data / "train/good/0.png", data / "test/good/copy.png")
    notes = json.loads(run("line", "check", file, "--data", data, "--json").stdout)["notes"]
    assert any(note.startswith("1 files are exact copies") for note in notes)
    assert any(note.startswith("1 images appear in several of") for note in notes)


def test_check_counts_the_files_that_training_would_not_see(file, data):
    for name in ("a.gif", "b.GIF", ".hidden.gif", "bad/0.png", "bad/deep/1.png"):
        (data / "train/good" / name).parent.mkdir(parents=True, exist_ok=True)
        (data / "train/good" / name).touch()
    (data / "train/bad").mkdir()
    (data / "train/bad/0.png").touch()
    (data / "README.txt").touch()

    notes = json.loads(run("line", "check", file, "--data", data, "--json").stdout)["notes"]

    assert "5 files ignored: .gif 2, subfolder train/good/bad/ 2, subfolder train/bad/ 1" in notes


def test_check_of_a_flat_folder_counts_what_lies_beside_and_below_the_images(file, data):
    (data / "train/good/notes").touch()
    (data / "train/good/bad").mkdir()
    (data / "train/good/bad/0.png").touch()

    notes = json.loads(run("line", "check", file, "--data", data / "train/good", "--json").stdout)["notes"]

    assert "2 files ignored: without extension 1, subfolder bad/ 1" in notes


def test_check_says_nothing_of_ignored_files_where_there_are_none(file, data):
    notes = json.loads(run("line", "check", file, "--data", data, "--json").stdout)["notes"]
    assert not any("ignored" in note for note in notes)


def test_check_reports_the_product_box_that_training_would_use(file, data):
    for i in range(40):
        picture = Image.new("RGB", (100, 100), (200, 200, 200))
        # One product of forty lies further to the right: columns 10 to 50, and 10 to 70 with it.
        # Its red is mottled in its own way: near-equal images would count as one product.
        width = 60 if i == 13 else 40
        tones = np.random.default_rng(i).integers(0, 60, (5, 5, 3), dtype=np.uint8) + np.array([150, 0, 0], np.uint8)
        mottled = Image.fromarray(tones).resize((width, 40), Image.Resampling.NEAREST)
        picture.paste(mottled, (10, 10))
        picture.save(data / f"train/good/{i:03d}.png")
    for i in range(3):
        (data / f"train/good/{i}.png").unlink()

    plan = json.loads(run("line", "check", file, "--data", data, "--json").stdout)["plan"]

    # With a margin of 3 % on each side.
    assert plan[0].startswith("look at 7% to 73% of the width and 7% to 53% of the height")


def test_check_tells_once_how_many_images_a_flat_folder_holds_out(file, data, caplog):
    with caplog.at_level(logging.INFO):
        run("line", "check", file, "--data", data / "train" / "good")
    assert sum("held out" in message for message in caplog.messages) == 1


def test_check_says_what_a_component_would_be(file, data):
    expected = {"one body": "classical: colour regions", "loose parts": "classical: whole parts"}
    assert {kind: _proposals_of(kind, file, data) for kind in expected} == expected


def _proposals_of(kind, file, data):
    boxes = {"one body": [(10, 10, 70, 70)], "loose parts": [(10, 10, 30, 30), (60, 10, 80, 30), (10, 60, 30, 80)]}
    for old in (data / "train/good").iterdir():
        old.unlink()
    for i in range(10):
        picture = Image.new("RGB", (100, 100), (200, 200, 200 + i))
        for box in boxes[kind]:
            picture.paste((200, 20, 20), box)
        picture.save(data / f"train/good/{i:03d}.png")
    plan = json.loads(run("line", "check", file, "--data", data, "--json").stdout)["plan"]
    return plan[1].removeprefix("find components (").partition(")")[0]


def test_check_of_a_broken_line_names_key_and_file(data, tmp_path):
    file = tmp_path / "kit.yaml"
    file.write_text("name: kit\nimage: {}\n")
    result = run("line", "check", file, "--data", data)
    assert result.exit_code == 1
    assert f"{file}, line 2: image: unknown key; did you mean images?" in result.stderr


def test_check_names_masks_that_are_hardly_ones_and_good_images_under_another_name(file, data):
    name = next((data / "test/logical_anomalies").iterdir()).stem
    folder = data / "ground_truth/logical_anomalies" / name
    folder.mkdir(parents=True)
    Image.new("L", (64, 96), 255).save(folder / "000.png")
    (data / "train/ok").mkdir()
    notes = json.loads(run("line", "check", file, "--data", data, "--json").stdout)["notes"]
    assert sum("1 mask marks more than half of its image" in note for note in notes) == 1
    assert sum("train/ok is not looked at" in note for note in notes) == 1


def test_check_counts_validation_images_alone_where_students_see_all_training_images(tmp_path, data):
    (tmp_path / "ours.yaml").write_text("name: kit\n")
    (tmp_path / "paper.yaml").write_text("name: kit\nmethod: paper\n")

    ours, paper = (run("line", "check", tmp_path / f"{name}.yaml", "--data", data) for name in ("ours", "paper"))

    # Three training images and one of validation.
    assert "4 good images cannot show a false-reject rate" in " ".join(ours.output.split())
    assert "1 good images cannot show a false-reject rate" in " ".join(paper.output.split())
