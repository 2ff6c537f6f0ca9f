"""What becomes of the parts of a trained line; the stages' own tests train on odd data."""

import shutil

import numpy as np
import pytest
from PIL import Image

from csad.common.errors import StageError
from csad.features.compiled import CompiledPyramid
from csad.images import read_rgb, scan
from csad.scoring.model_folder import read_manifest
from csad.scoring.scorer import Scorer
from csad.stages.training import train


@pytest.fixture(scope="module")
def manifest(tiny_model):
    return read_manifest(tiny_model)


def test_every_branch_of_the_line_is_weighed_from_0_to_1(manifest):
    assert set(manifest.fusion.weights) == set(manifest.fusion.branches)
    assert set(manifest.fusion.weights) >= {"words", "global", "local", "neighbourhood", "detail"}
    assert all(0 < weight <= 1 for weight in manifest.fusion.weights.values())


def test_every_map_has_its_scale(manifest):
    assert set(manifest.map_scale) == {"global", "local", "neighbourhood", "detail"}
    assert all(low < high for low, high in manifest.map_scale.values())


def test_every_good_image_calibrates_and_what_lies_above_the_threshold_is_named(manifest):
    above = [score for score in manifest.normal_scores if score > manifest.threshold.value]

    assert manifest.threshold.images == len(manifest.normal_scores) == 10 + 5
    assert len(manifest.odd_images) == len(above) <= 1
    assert all(name.startswith(("train/good/", "validation/good/")) for name in manifest.odd_images)


def test_the_model_says_what_it_finds_of_synthetic_anomalies(manifest):
    assert {"foreign patch", "coloured spot", "exchanged region"} <= set(manifest.synthetic_detection)
    assert all(0 <= rate <= 1 for rate in manifest.synthetic_detection.values())


def test_student_networks_saw_all_training_images_so_validation_alone_calibrates(
    tiny_line, tiny_line_data, tiny_model, tmp_path
):
    line = tiny_line.model_copy(update={"lgst": tiny_line.lgst.model_copy(update={"local_student": "pdn", "steps": 2})})
    shutil.copytree(f"{tiny_model}.stages", tmp_path / "model.stages", symlinks=True)

    model = train(line, tiny_line_data, tmp_path / "model", seed=3).model

    assert read_manifest(model).threshold.images == 5


def test_what_is_exported_and_what_runtimes_are_compared_with_is_torchs_own_backbone(
    tiny_line, tiny_line_data, tiny_model, tmp_path, monkeypatch
):
    exported = []
    monkeypatch.setattr("csad.calibration.statistics.export", lambda *given: exported.append(given))
    line = tiny_line.model_copy(update={"runtime": tiny_line.runtime.model_copy(update={"export": True})})
    shutil.copytree(f"{tiny_model}.stages", tmp_path / "model.stages", symlinks=True)

    train(line, tiny_line_data, tmp_path / "model", seed=3)

    ((_, _, _, model, *_),) = exported
    assert not isinstance(model.backbone.pyramid, CompiledPyramid)
    assert not isinstance(model.teacher.backbone.pyramid, CompiledPyramid)


def test_the_files_are_those_of_the_parts(manifest, tiny_model):
    assert set(manifest.files) | {"model.json"} == {file.name for file in tiny_model.iterdir()}
    assert set(manifest.files) == {f"{name}.safetensors" for name in ("backbone", "teacher", *manifest.branches)}
    assert {"visual_word_histogram", "pca_reconstruction", "memory_bank"} <= set(manifest.branches)
    assert ("component_histogram" in manifest.branches) == (manifest.classes > 0)


def test_a_line_with_nothing_left_is_told_what_to_switch_on(tiny_line, tmp_path):
    line = tiny_line.model_copy(
        update={
            "histogram": tiny_line.histogram.model_copy(update={"codebook_size": 0}),
            "lgst": tiny_line.lgst.model_copy(update={"local_student": "none", "global_student": "none"}),
        }
    )
    data = tmp_path / "data"
    for split, count in (("train", 4), ("validation", 5)):
        (data / split / "good").mkdir(parents=True)
        for index in range(count):
            shade = 60 + 20 * index + (10 if split == "validation" else 0)
            Image.new("RGB", (64, 64), (shade, shade, shade)).save(data / split / "good" / f"{index}.png")

    with pytest.raises(StageError, match="no branch is left to score with"):
        train(line, data, tmp_path / "model", seed=0)
    assert not (tmp_path / "model").exists()


def test_a_line_with_two_branches_left_still_decides(tiny_line, tiny_line_data, tiny_model, tmp_path):
    """Without words and memories, components and the global student remain."""
    line = tiny_line.model_copy(
        update={
            "histogram": tiny_line.histogram.model_copy(update={"codebook_size": 0}),
            "lgst": tiny_line.lgst.model_copy(update={"local_student": "none"}),
            "fusion": tiny_line.fusion.model_copy(update={"weighting": "equal"}),
        }
    )
    stages = f"{tiny_model}.stages"
    shutil.copytree(stages, tmp_path / "model.stages", symlinks=True)

    model = train(line, tiny_line_data, tmp_path / "model", seed=3).model

    manifest = read_manifest(model)
    assert set(manifest.fusion.branches) == {"components", "global"}
    assert manifest.fusion.weighting == "equal"
    image = read_rgb(scan(tiny_line_data, tiny_line).test[0].path)
    assert np.isfinite(Scorer.load(model).score(image).value)
