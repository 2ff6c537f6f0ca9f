"""The commands a newcomer types, one after the other, on a tiny line."""

import json
import shutil

import pytest
from click.testing import CliRunner

from csad.cli import main


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_line_data):
    folder = tmp_path_factory.mktemp("end_to_end")
    (folder / "tiny.yaml").write_text("""
name: tiny
images: {area: 16384}
pseudo_labels: {rotations: 2}
segmentation: {steps: 4, batch: 2}
histogram: {codebook_size: 8}
lgst: {max_components: 4, coreset_size: 200, steps: 4}
""")
    result = run("train", folder / "tiny.yaml", "--data", tiny_line_data, "--output", folder / "model", "--seed", 3)
    assert result.exit_code == 0, result.output
    return folder / "model"


def test_every_image_of_a_folder_is_scored(model, tiny_line_data, tmp_path):
    result = run("score", model, tiny_line_data / "test", "--json", "--maps", tmp_path)
    assert result.exit_code == 0, result.stderr
    scores = json.loads(result.stdout)
    assert len(scores) == 9
    assert {score["threshold"] for score in scores} == {scores[0]["threshold"]}
    assert all(score["anomalous"] == (score["score"] > score["threshold"]) for score in scores)
    assert len(list(tmp_path.rglob("*.png"))) == 9


def test_an_image_scores_the_same_alone_and_in_a_folder(model, tiny_line_data):
    together = json.loads(run("score", model, tiny_line_data / "test" / "good", "--json").stdout)
    alone = json.loads(run("score", model, tiny_line_data / "test" / "good" / "001.png", "--json").stdout)
    assert alone[0]["score"] == pytest.approx(together[1]["score"], rel=1e-4)


def test_evaluation_prints_the_figures_that_others_rely_on(model, tiny_line_data, tmp_path):
    result = run("evaluate", model, "--data", tiny_line_data, "--json", "--report", tmp_path / "report.html")
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    assert set(figures["image_auroc"]) >= {"logical", "structural", "mean"}
    assert figures["seed"] == 3
    for key in ("branches", "spro", "threshold", "false_reject_rate", "images", "settings", "weights"):
        assert key in figures
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8").lower()


def test_the_report_shows_the_components_while_the_models_stages_are_there(model, tiny_line_data, tmp_path):
    assert run("evaluate", model, "--data", tiny_line_data, "--report", tmp_path / "with.html").exit_code == 0
    (tmp_path / "moved").mkdir()
    moved = shutil.copytree(model, tmp_path / "moved/model")
    assert run("evaluate", moved, "--data", tiny_line_data, "--report", tmp_path / "without.html").exit_code == 0

    assert "<h2>Components</h2>" in (tmp_path / "with.html").read_text(encoding="utf-8")
    assert "<h2>Components</h2>" not in (tmp_path / "without.html").read_text(encoding="utf-8")


def test_evaluation_prints_tables_for_people(model, tiny_line_data):
    result = run("evaluate", model, "--data", tiny_line_data)
    assert result.exit_code == 0, result.stderr
    assert "logical" in result.stdout


def test_a_model_with_a_changed_byte_is_refused(model, tiny_line_data, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    file = max((path for path in broken.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    result = run("score", broken, tiny_line_data / "test" / "good")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ") or "\nError: " in result.stderr
    assert file.name in result.stderr
    assert "Traceback" not in result.stderr
