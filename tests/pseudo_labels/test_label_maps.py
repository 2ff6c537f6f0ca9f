import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from csad.common.errors import StageError
from csad.pseudo_labels.label_maps import class_histogram, draw_label_map, fill_holes, load_label_map, save_label_map
from tests.pseudo_labels.drawings import box


def test_small_components_lie_over_large_ones_whatever_their_order():
    large, small = box(6, 8, 0, 0, 4, 8), box(6, 8, 1, 1, 2, 2)
    for masks, labels in (([large, small], [7, 2]), ([small, large], [2, 7])):
        label_map = draw_label_map(np.stack(masks), np.array(labels))
        assert label_map.dtype == np.uint8
        assert label_map[1:3, 1:3].tolist() == [[2, 2], [2, 2]]
        assert (np.count_nonzero(label_map == 7), np.count_nonzero(label_map == 0)) == (28, 16)


def test_a_dropped_component_leaves_no_trace():
    masks = np.stack([box(4, 4, 0, 0, 2, 2), box(4, 4, 0, 0, 1, 1)])
    assert draw_label_map(masks, np.array([3, 0])).tolist() == [[3, 3, 0, 0], [3, 3, 0, 0], [0] * 4, [0] * 4]


def test_a_small_hole_joins_the_class_around_it():
    # One pixel of the 36 that the component encloses.
    leaky = box(6, 6, 0, 0, 6, 6) & ~box(6, 6, 3, 3, 1, 1)
    assert (draw_label_map(leaky[None], np.array([4])) == 4).all()


def test_a_large_hole_is_the_shape_of_the_part():
    # A washer: 9 of 25 pixels are its hole.
    ring = box(5, 5, 0, 0, 5, 5) & ~box(5, 5, 1, 1, 3, 3)
    assert np.array_equal(draw_label_map(ring[None], np.array([4])) == 4, ring)


def test_a_component_in_a_small_hole_keeps_its_class():
    # A hole of 4 pixels in 100 holds another component of 1 pixel; the 3 around that join the outer one.
    leaky = box(10, 10, 0, 0, 10, 10) & ~box(10, 10, 4, 4, 2, 2)
    label_map = draw_label_map(np.stack([leaky, box(10, 10, 5, 5, 1, 1)]), np.array([4, 9]))
    assert label_map[5, 5] == 9
    assert np.count_nonzero(label_map == 4) == 99


def test_a_small_hole_within_two_classes_belongs_to_the_inner_one():
    label_map = np.ones((30, 30), dtype=np.uint8)
    label_map[10:15, 10:15] = 2
    label_map[12, 12] = 0
    assert fill_holes(label_map)[12, 12] == 2
    assert label_map[12, 12] == 0  # the argument is left alone


def test_a_bay_at_the_border_is_no_hole():
    bay = box(5, 5, 0, 0, 5, 5) & ~box(5, 5, 0, 1, 4, 3)
    assert np.count_nonzero(draw_label_map(bay[None], np.array([1]))) == 13


def test_no_masks_and_empty_masks_give_background():
    assert not draw_label_map(np.zeros((0, 3, 4), dtype=bool), np.zeros(0, dtype=int)).any()
    assert draw_label_map(np.zeros((1, 3, 4), dtype=bool), np.array([1])).tolist() == [[0] * 4] * 3


def test_a_mask_of_the_full_image_leaves_no_background():
    assert (draw_label_map(np.ones((1, 3, 4), dtype=bool), np.array([255])) == 255).all()


def test_class_256_is_refused():
    with pytest.raises(StageError, match="class 256 does not fit"):
        draw_label_map(np.ones((1, 3, 4), dtype=bool), np.array([256]))


def test_the_histogram_holds_fractions_of_the_image_without_background():
    label_map = np.array([[0, 0, 1, 3], [0, 3, 3, 3]], dtype=np.uint8)
    assert class_histogram(label_map, class_count=4).tolist() == [1 / 8, 0, 4 / 8, 0]


def test_a_map_of_other_clusters_is_refused():
    with pytest.raises(StageError, match="holds class 3, expected at most 2"):
        class_histogram(np.array([[3]], dtype=np.uint8), class_count=2)


@given(arrays(np.uint8, (9, 7), elements=st.integers(0, 5)))
def test_filling_holes_only_turns_background_into_classes(label_map):
    filled = fill_holes(label_map)
    assert (filled[label_map > 0] == label_map[label_map > 0]).all()
    assert np.array_equal(fill_holes(filled), filled)
    before, after = class_histogram(label_map, 5), class_histogram(filled, 5)
    assert (after >= before).all()
    assert after.sum() <= 1


def test_every_class_survives_the_file(tmp_path):
    label_map = np.arange(256, dtype=np.uint8).reshape(8, 32)
    path = save_label_map(tmp_path / "maps", "flasche 1 ü", label_map)
    assert path == tmp_path / "maps" / "flasche 1 ü.png"
    assert np.array_equal(load_label_map(tmp_path / "maps", "flasche 1 ü"), label_map)


def test_the_file_shows_the_classes_in_their_colours(tmp_path):
    path = save_label_map(tmp_path, "a", np.array([[0, 1, 2]], dtype=np.uint8))
    background, first, second = np.asarray(Image.open(path).convert("RGB"))[0].tolist()
    assert background == [0, 0, 0]
    assert first != second != background


def test_a_missing_a_damaged_and_a_foreign_file_are_refused(tmp_path):
    with pytest.raises(StageError, match="does not exist; run the clustering stage first"):
        load_label_map(tmp_path, "none")
    path = save_label_map(tmp_path, "cut", np.zeros((50, 50), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(StageError, match=r"cut\.png is damaged"):
        load_label_map(tmp_path, "cut")
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png")
    with pytest.raises(StageError, match="mode RGB, expected a label map"):
        load_label_map(tmp_path, "photo")
