import numpy as np
import pytest
import torch

from csad.common.errors import StageError
from csad.compute.array_store import ArrayStore
from csad.features.backbone import load_backbone
from csad.images import scan
from csad.pseudo_labels.label_maps import save_label_map
from csad.pseudo_labels.record import LABEL_MAPS, PseudoLabels
from csad.segmentation.fit import WEIGHTS, SegmentationFit, fit_segmentation, labelled_files, load_segmentation
from csad.segmentation.training import train_segmentation


@pytest.fixture(scope="module")
def images(tiny_line, tiny_line_data):
    return scan(tiny_line_data, tiny_line)


def record_of(images, kept, classes):
    return PseudoLabels(
        classes=classes,
        components=len(kept),
        sizes=(len(kept),) * classes,
        images=(len(kept),) * classes,
        alpha=1,
        bandwidth=1.0,
        quantile=0.1,
        found=classes,
        dropped_fraction=0.0,
        kept=tuple(kept),
        types={file.stem: 0 for file in images.train},
        type_count=1,
        note="drawn by hand",
    )


def pseudo_labels(folder, images, kept, classes=1):
    """Label maps whose upper half is class 1."""
    labels = np.zeros((128, 128), np.uint8)
    labels[:64] = 1
    for stem in kept:
        save_label_map(folder / LABEL_MAPS, stem, labels)
    record_of(images, kept, classes).write(folder)
    return folder


def test_a_network_comes_out_and_loads(tiny_line, images, tmp_path):
    labels = pseudo_labels(tmp_path / "labels", images, ["000", "003", "004"])
    backbone = load_backbone("tf_efficientnet_lite0", stages=3)

    fit = fit_segmentation(tiny_line, images, labels, tmp_path, seed=0)

    assert fit == SegmentationFit(classes=1, labelled=3, unlabelled=7)
    network = load_segmentation(tmp_path, backbone)
    assert network.classes == 1
    assert not network.training
    with torch.no_grad():
        assert network(torch.rand(1, 3, 64, 64)).shape == (1, 2, 16, 16)


def test_the_label_maps_lie_on_disk_in_the_order_of_the_images(tiny_line, images, tmp_path, monkeypatch):
    seen = []

    def look(backbone, data, settings, seed, checkpoint, device):
        assert isinstance(data.labels, ArrayStore)
        seen.extend(bool(data.labels[index].any()) for index in range(len(data.labels)))
        return train_segmentation(backbone, data, settings, seed, checkpoint, device)

    monkeypatch.setattr("csad.segmentation.fit.train_segmentation", look)
    labels = pseudo_labels(tmp_path / "labels", images, ["000", "003"])

    fit_segmentation(tiny_line, images, labels, tmp_path, seed=0)

    assert seen == [file.stem in ("000", "003") for file in images.train]


@pytest.mark.parametrize(("kept", "classes"), [([], 1), (["000"], 0)])
def test_without_classes_or_labelled_images_there_is_no_network(kept, classes, tiny_line, images, tmp_path):
    labels = pseudo_labels(tmp_path / "labels", images, kept, classes)

    assert fit_segmentation(tiny_line, images, labels, tmp_path, seed=0).classes == 0
    assert not (tmp_path / WEIGHTS).exists()
    assert load_segmentation(tmp_path, backbone=None) is None


def test_a_missing_label_map_is_named(tiny_line, images, tmp_path):
    labels = pseudo_labels(tmp_path / "labels", images, ["000", "001"])
    (labels / LABEL_MAPS / "001.png").unlink()

    with pytest.raises(StageError, match=r"001\.png does not exist; run the clustering stage"):
        fit_segmentation(tiny_line, images, labels, tmp_path, seed=0)


@pytest.mark.parametrize("text", [None, "{}", '{"classes": 2}', "no JSON"])
def test_an_incomplete_output_says_which_stage_to_run_again(text, tmp_path):
    if text is not None:
        (tmp_path / "segmentation.json").write_text(text)

    with pytest.raises(StageError, match="run the segnet stage again"):
        load_segmentation(tmp_path, load_backbone("tf_efficientnet_lite0", stages=3))


def test_a_damaged_weights_file_says_which_stage_to_run_again(tmp_path):
    (tmp_path / "segmentation.json").write_text('{"classes": 2}')
    (tmp_path / WEIGHTS).write_bytes(b"no tensors")

    with pytest.raises(StageError, match="run the segnet stage again"):
        load_segmentation(tmp_path, load_backbone("tf_efficientnet_lite0", stages=3))


def test_labelled_files_keep_the_order_of_the_images(images):
    record = record_of(images, ["004", "001"], 1)

    assert [file.stem for file in labelled_files(images, record)] == ["001", "004"]
