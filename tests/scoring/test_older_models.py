"""Model folders that were trained before the settings took the field's terms."""

import pytest

from csad.images import read_rgb, scan
from csad.scoring.model_folder import read_manifest, read_tensors, write_model
from csad.scoring.scorer import Scorer

OLD_NAMES = {
    "codebook_size: 8": "words: 8",
    "coreset_size: 200": "memory_size: 200",
    "prompts: null": "words: null",
    "global_student: pca": "global_student: linear",
    "local_student: memory_bank": "local_student: memory",
    "weighting: synthetic_auroc": "weighting: evidence",
}
FILES = ("backbone", "segmentation", "lgst", "vocabulary", "components", "words", "inventory")


@pytest.fixture(scope="module")
def older_model(tiny_model, tmp_path_factory):
    """The tiny model as the release before wrote it: the same tensors, the old names in its line and its fusion."""
    manifest = read_manifest(tiny_model)
    text = manifest.line
    for new, old in OLD_NAMES.items():
        assert text.count(new) == 1, new
        text = text.replace(new, old)
    older = manifest.model_copy(
        update={"line": text, "fusion": manifest.fusion.model_copy(update={"weighting": "evidence"})}
    )
    folder = tmp_path_factory.mktemp("older") / "model"
    write_model(folder, older, {name: tensors for name in FILES if (tensors := read_tensors(tiny_model, name))})
    return folder


def test_the_files_of_a_model_keep_their_names(tiny_model):
    assert set(read_manifest(tiny_model).files) == {f"{name}.safetensors" for name in FILES}


def test_the_tensors_of_a_model_keep_their_names(tiny_model):
    assert {name.split(".")[0] for name in read_tensors(tiny_model, "lgst")} == {
        "teacher", "linear", "memory-local", "memory-neighbourhood", "memory-detail",
    }  # fmt: skip
    assert set(read_tensors(tiny_model, "vocabulary")) == {"words", "temperature"}
    assert set(read_tensors(tiny_model, "inventory")) == {
        "normal_maps", "means1", "means2", "deviations1", "deviations2",
    }  # fmt: skip


def test_a_model_of_the_release_before_scores_what_it_scored(
    older_model, tiny_model, tiny_line, tiny_line_data, caplog
):
    image = read_rgb(scan(tiny_line_data, tiny_line).test[0].path)

    older, now = Scorer.load(older_model), Scorer.load(tiny_model)

    assert older.line == now.line == tiny_line
    assert older.score(image).value == now.score(image).value
    assert older.score(image).branches == now.score(image).branches
    assert caplog.records == [], "nobody can change the line of a model folder"
