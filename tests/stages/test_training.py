"""The whole method on a tiny line, without a pipeline."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from csad.common.errors import CsadError, DatasetError, StageError
from csad.images import read_rgb
from csad.runner.snapshot import open_snapshot
from csad.runner.stage import StageRecord
from csad.runner.stage_runner import StageRunner
from csad.scoring.scorer import Scorer
from csad.stages.gallery import find_gallery, stages_of
from csad.stages.training import train

STAGES = ["clustering", "evaluation", "ingest", "lgst", "masks", "segnet", "statistics", "tagging"]


def finished(output: Path) -> dict[str, Path]:
    """Finished stage folders by the stage's name."""
    folders = [folder for folder in Path(f"{output}.stages").iterdir() if folder.is_dir()]
    return {folder.name.split("-")[0]: folder for folder in folders if not folder.name.endswith(".partial")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_training, tiny_line, tiny_line_data):
    """A trained and evaluated model that may be changed, its line, and what the training returned."""
    output = shutil.copytree(tiny_training, tmp_path_factory.mktemp("trained") / "copy") / "model"
    return tiny_line, output, train(tiny_line, tiny_line_data, output, seed=3, evaluate=True)


def test_every_stage_leaves_a_finished_folder(trained):
    _, output, _ = trained
    assert sorted(finished(output)) == STAGES
    assert all(StageRecord.find(folder) for folder in finished(output).values())


def test_the_model_scores_an_image(trained, tiny_line_data):
    _, output, _ = trained
    image = read_rgb(tiny_line_data / "test/good/000.png")

    score = Scorer.load(output).score(image)

    assert score.value == pytest.approx(score.value)
    assert score.map.shape == image.shape[:2]


def test_the_report_and_the_figures_are_there(trained):
    _, _, result = trained
    assert result.evaluation.images == 9
    assert 0 <= result.evaluation.auroc_logical <= 100
    assert result.evaluation.mean_of == "logical, structural"
    assert result.evaluation.metrics()["auroc_kind_logical_anomalies"] == result.evaluation.auroc_logical
    assert "<html" in result.report.read_text()


def test_the_model_folder_holds_nothing_of_the_stages(trained):
    _, output, _ = trained
    assert not (output / "stage.json").exists()


def test_the_same_again_reuses_every_stage(trained, tiny_line_data, caplog):
    line, output, _ = trained
    caplog.set_level("INFO")

    train(line, tiny_line_data, output, seed=3, evaluate=True)

    reused = [message.split(":")[0] for message in caplog.messages if message.endswith("unchanged, reused")]
    assert sorted(reused) == STAGES


def test_a_new_seed_repeats_only_what_draws(trained, tiny_line_data, caplog, tmp_path):
    line, output, _ = trained
    caplog.set_level("INFO")
    other = tmp_path / "model"
    shutil.copytree(f"{output}.stages", f"{other}.stages")

    train(line, tiny_line_data, other, seed=4)

    reused = [message.split(":")[0] for message in caplog.messages if message.endswith("unchanged, reused")]
    assert sorted(reused) == ["ingest", "masks", "tagging"]


def test_a_changed_threshold_trains_no_network_again(trained, tiny_line_data, caplog, tmp_path):
    line, output, _ = trained
    caplog.set_level("INFO")
    other = tmp_path / "model"
    shutil.copytree(f"{output}.stages", f"{other}.stages")
    stricter = line.model_copy(update={"threshold": line.threshold.model_copy(update={"false_reject_rate": 0.002})})

    train(stricter, tiny_line_data, other, seed=3, evaluate=True)

    reused = [message.split(":")[0] for message in caplog.messages if message.endswith("unchanged, reused")]
    assert sorted(reused) == sorted(set(STAGES) - {"statistics", "evaluation"})


def test_a_folder_that_is_no_model_is_not_replaced(tiny_line, tiny_line_data, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").touch()

    with pytest.raises(StageError, match="photos exists and is not a model folder"):
        train(tiny_line, tiny_line_data, tmp_path / "photos", seed=0)
    assert (tmp_path / "photos/holiday.jpg").exists()


def test_a_file_and_the_folder_one_works_in_are_no_place_for_a_model(tiny_line, tiny_line_data, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(StageError, match="file exists and is not a model folder"):
        train(tiny_line, tiny_line_data, tmp_path / "file", seed=0)

    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(StageError, match=r"/empty is the folder that you are in.*such as a folder inside it"):
        train(tiny_line, tiny_line_data, Path(), seed=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]


def test_a_model_whose_place_ends_in_dots_has_its_stages_beside_it(tmp_path, monkeypatch):
    (tmp_path / "models/kit").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "models/kit")

    assert stages_of(Path()) == tmp_path / "models/kit.stages"
    assert stages_of(Path("..")) == tmp_path / "models.stages"


def test_a_damaged_model_and_stage_are_whole_again_after_the_same_command(trained, tiny_line_data, caplog):
    line, output, _ = trained
    caplog.set_level("INFO")
    before = (output / "teacher.safetensors").read_bytes()
    (output / "teacher.safetensors").write_bytes(b"damaged in place")
    (finished(output)["lgst"] / "lgst.safetensors").unlink()

    train(line, tiny_line_data, output, seed=3, evaluate=True)

    assert (output / "teacher.safetensors").read_bytes() == before
    assert any("lgst: lgst.safetensors is missing" in message for message in caplog.messages)
    assert "statistics: unchanged, reused" in caplog.messages
    assert (finished(output)["lgst"] / "lgst.safetensors").is_file()


def test_the_end_says_where_the_components_can_be_seen(trained, tiny_line_data, caplog):
    line, output, _ = trained
    caplog.set_level("INFO")

    train(line, tiny_line_data, output, seed=3, evaluate=True)

    page = finished(output)["clustering"] / "gallery.html"
    assert page.is_file()
    assert f"components that were found: {page}" in caplog.messages


def test_the_gallery_of_a_model_is_found_beside_it(trained, tmp_path):
    _, output, _ = trained
    newer = Path(f"{output}.stages/clustering-0123456789ab")
    shutil.copytree(finished(output)["clustering"], newer)
    try:
        assert find_gallery(output) == next(
            folder / "gallery" for folder in newer.parent.glob("clustering-*") if folder != newer
        )
    finally:
        shutil.rmtree(newer)


def test_the_gallery_of_a_pipelines_model_is_found_among_its_stages(trained, tmp_path):
    _, output, _ = trained
    shutil.copytree(output, tmp_path / "model")
    assert find_gallery(tmp_path / "model") is None

    (tmp_path / "stages").symlink_to(f"{output}.stages")
    assert find_gallery(tmp_path / "model") == tmp_path / "stages" / finished(output)["clustering"].name / "gallery"


def test_another_models_gallery_is_not_taken(trained, tmp_path):
    _, output, _ = trained
    shutil.copytree(output, tmp_path / "model")
    (tmp_path / "model/model.json").write_text("{}")
    (tmp_path / "stages").symlink_to(f"{output}.stages")

    assert find_gallery(tmp_path / "model") is None


def test_no_images_is_an_error_that_names_the_folder(tiny_line, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty"):
        train(tiny_line, tmp_path / "empty", tmp_path / "model", seed=0)
    assert not (tmp_path / "model").exists()


def test_data_without_test_images_trains_and_the_report_says_that_nothing_was_measured(
    tiny_line, tiny_line_data, tmp_path
):
    result = train(tiny_line, tiny_line_data / "train/good", tmp_path / "model", seed=0, evaluate=True)

    assert result.evaluation.images == 0
    assert "not evaluated: the data has no test images" in result.report.read_text()
    assert result.evaluation.metrics() == {"images": 0}


PROGRAM = """
import sys
from pathlib import Path
from csad.config.line import ProductLine
from csad.stages.training import train
train(ProductLine.from_file(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), seed=0)
"""


def wait_for(condition, process):
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("victim", ["masks", "segnet"])
def test_a_killed_run_goes_on_at_the_first_unfinished_stage(victim, tiny_line, tiny_line_data, tmp_path, caplog):
    caplog.set_level("INFO")
    (tmp_path / "line.yaml").write_text(tiny_line.to_yaml())
    output = tmp_path / "model"
    stages = Path(f"{output}.stages")
    arguments = [sys.executable, "-c", PROGRAM, tmp_path / "line.yaml", tiny_line_data, output]
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: stages.is_dir() and any(stages.glob(f"{victim}-*.partial")), process)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    before = set(finished(output))
    assert not output.exists()

    train(tiny_line, tiny_line_data, output, seed=0)

    reused = {message.split(":")[0] for message in caplog.messages if message.endswith("unchanged, reused")}
    assert reused == before
    assert "ingest" in reused
    assert victim not in reused
    assert Scorer.load(output).line == tiny_line
    assert not list(stages.glob("*.partial"))


def test_a_killed_run_does_not_begin_its_masks_again(tiny_line, tiny_line_data, tmp_path, monkeypatch):
    from csad.stages import masks

    output = tmp_path / "model"
    seen = []
    original = masks.read_rgb

    def count_and_stop(path, max_pixels):
        if len(seen) == 4:
            raise CsadError("interrupted")
        seen.append(path)
        return original(path, max_pixels)

    monkeypatch.setattr(masks, "read_rgb", count_and_stop)
    with pytest.raises(CsadError, match="interrupted"):
        train(tiny_line, tiny_line_data, output, seed=0)
    monkeypatch.setattr(masks, "read_rgb", lambda path, max_pixels: seen.append(path) or original(path, max_pixels))
    runner, stages = StageRunner(Path(f"{output}.stages"), tiny_line, seed=0), finished(output)
    runner.run(masks.STAGE, images=stages["ingest"], tags=stages["tagging"])

    assert len(seen) == len(open_snapshot(finished(output)["ingest"]).train) == 10
    assert len(set(seen)) == 10
