"""Pseudo-labels are compared with true label maps by the best one-to-one matching of their classes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.pseudo_label_quality import match_classes, measure_pseudo_labels
from csad.common.errors import StageError
from csad.pseudo_labels.label_maps import save_label_map
from csad.pseudo_labels.record import LABEL_MAPS, PseudoLabels


def label_map(*rows: str) -> np.ndarray:
    return np.array([[int(label) for label in row] for row in rows], dtype=np.uint8)


TRUE = label_map("1100", "1100", "0022")


def test_the_same_map_under_other_numbers_is_perfect():
    quality = match_classes([(label_map("7700", "7700", "0033"), TRUE)])
    assert quality.mean_iou == 1
    assert quality.partner == {1: 7, 2: 3}


def test_a_class_half_covered_has_half_the_iou():
    quality = match_classes([(label_map("1100", "0000", "0022"), TRUE)])
    assert quality.iou == {1: 0.5, 2: 1.0}
    assert quality.mean_iou == 0.75


def test_a_class_torn_in_two_counts_its_larger_piece_only():
    quality = match_classes([(label_map("1100", "1300", "0022"), TRUE)])
    assert quality.iou == {1: 0.75, 2: 1.0}
    assert quality.classes == 3


def test_two_true_classes_in_one_pseudo_label_leave_one_without_a_partner():
    quality = match_classes([(label_map("1100", "1100", "0011"), TRUE)])
    assert quality.iou == {1: pytest.approx(4 / 6), 2: 0.0}
    assert quality.partner == {1: 1, 2: 0}
    assert quality.mean_iou == pytest.approx(1 / 3)


def test_the_matching_is_the_best_of_all_not_the_best_for_the_first_class():
    # Class 5 overlaps true 1 most (4/8), but 5 with 2 (3/7) and 6 with 1 (1/5) are more together.
    quality = match_classes([(label_map("55555556"), label_map("11112221"))])
    assert quality.partner == {1: 6, 2: 5}
    assert quality.iou == {1: pytest.approx(1 / 5), 2: pytest.approx(3 / 7)}


def test_pixels_of_all_images_are_pooled():
    empty, full = label_map("00"), label_map("11")
    quality = match_classes([(full, full), (empty, full), (full, full)])
    assert quality.mean_iou == pytest.approx(4 / 6)
    assert quality.images == 3


def test_maps_of_different_sizes_are_refused():
    with pytest.raises(StageError, match="one size"):
        match_classes([(label_map("11"), label_map("1"))])


def test_true_maps_without_a_component_are_refused():
    with pytest.raises(StageError, match="no component"):
        match_classes([(label_map("11"), label_map("00"))])


def clustering(folder: Path, kept: tuple[str, ...], maps: dict[str, np.ndarray]) -> Path:
    for stem, pixels in maps.items():
        save_label_map(folder / LABEL_MAPS, stem, pixels)
    PseudoLabels(
        classes=2,
        components=2,
        sizes=(1, 1),
        images=(1, 1),
        alpha=1,
        bandwidth=1.0,
        quantile=None,
        found=2,
        dropped_fraction=0.0,
        kept=kept,
        types=dict.fromkeys(maps, 0),
        type_count=1,
        note="",
    ).write(folder)
    return folder


def test_only_labelled_images_of_a_stage_are_compared(tmp_path):
    stage = clustering(tmp_path / "clustering-0", ("a",), {"a": label_map("12"), "left_out": label_map("00")})
    labels = tmp_path / "labels"
    labels.mkdir()
    for stem in ("a", "left_out"):
        Image.fromarray(label_map("21")).save(labels / f"{stem}.png")
    quality = measure_pseudo_labels(stage, labels)
    assert quality.images == 1
    assert quality.mean_iou == 1
    assert quality.partner == {1: 2, 2: 1}


def test_the_pseudo_labels_of_a_large_image_are_compared_at_the_size_of_the_truth(tmp_path):
    small, true = np.zeros((1024, 1024), np.uint8), np.zeros((2048, 2048), np.uint8)
    small[:, :512], true[:, :1024] = 1, 2
    stage = clustering(tmp_path / "clustering-0", ("a",), {"a": small})
    Image.fromarray(true).save(tmp_path / "a.png")
    assert measure_pseudo_labels(stage, tmp_path).mean_iou == 1


def test_pseudo_labels_of_another_image_are_still_refused(tmp_path):
    stage = clustering(tmp_path / "clustering-0", ("a",), {"a": np.zeros((1024, 1000), np.uint8)})
    Image.fromarray(np.zeros((2048, 2048), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(StageError, match="expected one size"):
        measure_pseudo_labels(stage, tmp_path)


def test_a_stage_without_labelled_images_is_refused(tmp_path):
    stage = clustering(tmp_path / "clustering-0", (), {"a": label_map("12")})
    with pytest.raises(StageError, match="no labelled image"):
        measure_pseudo_labels(stage, tmp_path)
