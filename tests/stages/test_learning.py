"""The stages that learn, on a tiny line; what they learn is tested where it is written."""

import itertools

import pytest

from csad.common.errors import StageError
from csad.config.line import ProductLine
from csad.imaging.masks import save_masks
from csad.pseudo_labels.record import PseudoLabels
from csad.runner.snapshot import open_snapshot
from csad.runner.stage import RECORD
from csad.runner.stage_runner import StageRunner
from csad.segmentation import examples, training
from csad.segmentation.fit import WEIGHTS
from csad.stages import clustering, lgst, segnet


def test_clustering_finds_the_three_parts(tiny_line, images, proposed, tmp_path):
    summary = clustering.run(tiny_line, images, proposed, tmp_path, seed=0)

    assert (summary.classes, summary.components, summary.labelled + summary.unlabelled) == (3, 30, 10)
    assert (tmp_path / "gallery.html").is_file()
    assert PseudoLabels.read(tmp_path).classes == 3
    assert "30 components in 3 classes" in summary.headline()


def test_the_network_trains_on_the_labelled_images(tiny_line, images, labels, tmp_path):
    summary = segnet.run(tiny_line, images, labels, tmp_path, seed=0)

    record = PseudoLabels.read(labels)
    assert (summary.classes, summary.labelled) == (3, len(record.kept))
    assert summary.metrics()["steps"] == 4


def test_a_network_whose_training_was_killed_is_the_one_of_an_uninterrupted_run(
    tiny_line, images, labels, tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 1)
    inputs = {"images": images, "pseudo_labels": labels}
    whole = StageRunner(tmp_path / "whole", tiny_line, seed=0).run(segnet.STAGE, **inputs)
    runner = StageRunner(tmp_path / "killed", tiny_line, seed=0)
    with monkeypatch.context() as patch:
        patch.setattr(training, "averaged_model", killing_in_step(2))
        with pytest.raises(KeyboardInterrupt):
            runner.run(segnet.STAGE, **inputs)
    (partial,) = runner.root.iterdir()
    (partial / ".half.safetensors").write_bytes(b"a checkpoint that was being written")
    steps = []
    draw = examples.random_affine
    monkeypatch.setattr(examples, "random_affine", lambda *given: steps.append(1) or draw(*given))
    resumed = runner.run(segnet.STAGE, **inputs)

    assert len(steps) == 2
    assert resumed.summary == whole.summary
    assert (resumed.folder / WEIGHTS).read_bytes() == (whole.folder / WEIGHTS).read_bytes()
    assert sorted(file.name for file in resumed.folder.iterdir()) == ["segmentation.json", WEIGHTS, RECORD]


def killing_in_step(killed):
    """Averaged weights whose update ends the process in one of the steps, counted from 0."""
    averaged_model = training.averaged_model

    def killing(network, decay):
        average = averaged_model(network, decay)
        update, steps = average.update_parameters, itertools.count()

        def update_or_end(network):
            if next(steps) == killed:
                raise KeyboardInterrupt
            update(network)

        average.update_parameters = update_or_end
        return average

    return killing


def test_a_line_without_components_goes_on_without_a_network(tiny_line, images, tmp_path):
    for image in open_snapshot(images).train:
        save_masks(tmp_path / "masks" / f"{image.stem}.json", [])

    clustered = clustering.run(tiny_line, images, tmp_path / "masks", tmp_path / "labels", seed=0)
    (tmp_path / "network").mkdir()
    trained = segnet.run(tiny_line, images, tmp_path / "labels", tmp_path / "network", seed=0)

    assert clustered.headline().startswith("no classes: no component was found")
    assert trained.headline() == "no classes, so no network was trained"


def test_the_students_that_the_line_names_are_fitted(tiny_line, images, tmp_path):
    summary = lgst.run(tiny_line, images, tmp_path, seed=0)

    assert (summary.images, summary.components, summary.memory_patches) == (10, 4, 600)
    assert summary.headline() == "global student pca (4 components), local student memory_bank (600 patches)"


def test_the_checkpoint_of_trained_students_is_gone_at_the_end(images, tmp_path):
    line = ProductLine.from_yaml(
        "name: tiny\nimages: {area: 16384}\nlgst: {global_student: autoencoder, local_student: none, steps: 2}"
    )
    summary = lgst.run(line, images, tmp_path, seed=0)

    assert (summary.components, summary.memory_patches) == (0, 0)
    assert not (tmp_path / lgst.CHECKPOINT).exists()


@pytest.mark.parametrize("stage", [clustering, segnet])
def test_a_missing_input_is_named(stage, tiny_line, images, tmp_path):
    with pytest.raises(StageError, match=r"run the (masks|clustering) stage"):
        stage.run(tiny_line, images, tmp_path, tmp_path / "output", seed=0)
