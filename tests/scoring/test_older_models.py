"""Model folders that were trained before: format 1, in which branches shared files, and the old names of settings."""

import pytest

from csad.images import read_rgb, scan
from csad.scoring.model_folder import read_manifest, read_tensors, write_model
from csad.scoring.named_tensors import flat, part_of
from csad.scoring.scorer import Scorer

OLD_NAMES = {
    "codebook_size: 8": "words: 8",
    "coreset_size: 200": "memory_size: 200",
    "prompts: null": "words: null",
    "global_student: pca": "global_student: linear",
    "local_student: memory_bank": "local_student: memory",
    "weighting: synthetic_auroc": "weighting: evidence",
}


def older_model(model, folder, old_names):
    """A model as releases before wrote it: one file with the student-teacher parts, one with the network, and so on."""
    manifest = read_manifest(model)
    whole = {name: read_tensors(model, name) for name in ("backbone", "teacher", *manifest.branches)}
    components, words = whole["component_histogram"], whole["visual_word_histogram"]
    files = {
        "backbone": whole["backbone"],
        "segmentation": part_of(components, "network"),
        "components": part_of(components, "histogram"),
        "inventory": part_of(components, "component_statistics"),
        "vocabulary": part_of(words, "codebook"),
        "words": part_of(words, "histogram"),
        "lgst": flat(teacher=whole["teacher"], linear=whole["pca_reconstruction"])
        | {f"memory-{name}": value for name, value in whole["memory_bank"].items()},
    }
    line = manifest.line
    for new, old in old_names.items():
        assert line.count(new) == 1, new
        line = line.replace(new, old)
    fusion = manifest.fusion.model_copy(update={"weighting": "evidence"}) if old_names else manifest.fusion
    write_model(
        folder, manifest.model_copy(update={"format": 1, "branches": (), "line": line, "fusion": fusion}), files
    )
    return folder


@pytest.mark.parametrize("old_names", [{}, OLD_NAMES], ids=["format 1", "format 1 with the old names of settings"])
def test_an_older_model_scores_what_it_scored(tiny_model, tiny_line, tiny_line_data, old_names, tmp_path, caplog):
    images = [read_rgb(file.path) for file in scan(tiny_line_data, tiny_line).test]

    older, now = Scorer.load(older_model(tiny_model, tmp_path, old_names)), Scorer.load(tiny_model)

    assert older.line == now.line == tiny_line
    before, after = older.score_batch(images), now.score_batch(images)
    assert [score.value for score in before] == [score.value for score in after]
    assert [score.branches for score in before] == [score.branches for score in after]
    assert [score.explanations for score in before] == [score.explanations for score in after]
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [], "nobody can change the line of a model folder"
