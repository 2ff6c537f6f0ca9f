import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from csad.pseudo_labels.cluster import Clustering
from csad.pseudo_labels.gallery import (
    EXAMPLES,
    Tile,
    choose_examples,
    component_picture,
    draw_contact_sheet,
    draw_galleries,
    draw_overlay,
    overlay,
)
from csad.pseudo_labels.palette import class_colours
from tests.pseudo_labels.drawings import box


def clustering_of(labels, images):
    classes = int(labels.max())
    members = [np.flatnonzero(labels == label) for label in range(1, classes + 1)]
    return Clustering(
        labels=labels,
        centres=np.zeros((classes, 2), dtype=np.float32),
        bandwidth=1.0,
        quantile=None,
        sizes=np.array([len(indices) for indices in members]),
        images_per_cluster=np.array([len(set(images[indices].tolist())) for indices in members]),
        alpha=1,
        found=classes,
    )


def test_the_first_colour_is_black_and_class_k_keeps_its_colour():
    assert class_colours(5)[0].tolist() == [0, 0, 0]
    assert np.array_equal(class_colours(5), class_colours(256)[:5])


def test_all_256_colours_differ():
    assert len(np.unique(class_colours(256), axis=0)) == 256


def test_examples_come_from_different_images_first():
    # Class 1 has five components in image 0 and one each in images 1 and 2: three examples show the three images.
    labels = np.array([1, 1, 1, 1, 1, 1, 1, 0, 2])
    image = np.array([0, 0, 0, 0, 0, 1, 2, 2, 2])
    chosen = choose_examples(labels, image, seed=0, count=3)
    assert sorted(image[chosen[1]].tolist()) == [0, 1, 2]
    assert chosen[2] == [8]
    assert list(chosen) == [1, 2]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=60), st.integers(1, 30))
def test_examples_belong_to_their_class_and_are_as_many_as_there_are(components, count):
    labels, image = np.array(components, dtype=int).reshape(-1, 2).T
    chosen = choose_examples(labels, image, seed=0, count=count)
    assert set(chosen) == set(labels[labels > 0].tolist())
    for label, indices in chosen.items():
        assert (labels[indices] == label).all()
        assert len(indices) == len(set(indices)) == min(count, np.count_nonzero(labels == label))


def test_a_component_is_bright_and_its_surroundings_are_dim():
    image = np.full((40, 40, 3), 200, dtype=np.uint8)
    picture = component_picture(image, box(40, 40, 10, 20, 4, 5))
    # Margin 2 + round(.15 * 4) = 3 on every side.
    assert picture.shape == (10, 11, 3)
    assert (picture[3:7, 3:8] == 200).all()
    assert picture[0, 0].tolist() == [60, 60, 60]


def test_a_component_at_the_border_is_cut_there():
    image = np.full((40, 40, 3), 200, dtype=np.uint8)
    assert component_picture(image, np.ones((40, 40), dtype=bool)).shape == (40, 40, 3)
    assert component_picture(image, box(40, 40, 39, 0, 1, 1)).shape == (3, 3, 3)


def test_every_class_gets_a_gallery_and_pictures_are_asked_for_once_in_order(tmp_path):
    labels, image = np.array([2, 1, 0, 1, 2, 2]), np.array([0, 0, 0, 1, 1, 2])
    asked = []

    def picture_of(index):
        asked.append(index)
        return np.full((30, 20, 3), 40 * index, dtype=np.uint8)

    paths = draw_galleries(tmp_path / "gallery", clustering_of(labels, image), image, picture_of, 0)
    assert [path.name for path in paths] == ["component_001.png", "component_002.png"]
    assert asked == [0, 1, 3, 4, 5]
    sheet = np.asarray(Image.open(paths[1]))
    assert sheet[0, 0].tolist() == class_colours(3)[2].tolist()


def test_a_gallery_shows_at_most_24_components(tmp_path):
    labels, image = np.ones(200, dtype=int), np.arange(200)
    asked = []

    def picture_of(index):
        asked.append(index)
        return np.zeros((9, 9, 3), np.uint8)

    draw_galleries(tmp_path, clustering_of(labels, image), image, picture_of, seed=0)
    assert len(asked) == EXAMPLES == 24


def test_an_overlay_mixes_the_class_colour_and_outlines_it():
    image = np.full((40, 60, 3), 100, dtype=np.uint8)
    label_map = np.zeros((40, 60), dtype=np.uint8)
    label_map[10:30, 20:40] = 3
    colour = class_colours(4)[3].astype(float)
    drawn = overlay(image, label_map)
    assert drawn[0, 0].tolist() == [100, 100, 100]
    assert drawn[20, 30].tolist() == pytest.approx((0.55 * 100 + 0.45 * colour).tolist(), abs=1)
    assert drawn[10, 20].tolist() == colour.tolist()


def test_two_classes_that_touch_are_both_outlined():
    label_map = np.repeat(np.array([[1] * 10 + [2] * 10], dtype=np.uint8), 20, axis=0)
    drawn = overlay(np.zeros((20, 20, 3), dtype=np.uint8), label_map)
    assert drawn[10, 9].tolist() == class_colours(3)[1].tolist()
    assert drawn[10, 10].tolist() == class_colours(3)[2].tolist()


def test_an_image_without_classes_is_its_own_overlay():
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    assert np.array_equal(overlay(image, np.zeros((8, 9), dtype=np.uint8)), image)


def test_overlay_and_contact_sheet_are_files_that_open(tmp_path):
    image = np.full((90, 30, 3), 120, dtype=np.uint8)
    path = draw_overlay(tmp_path / "overlays" / "ü 1.png", image, np.ones((90, 30), dtype=np.uint8))
    assert Image.open(path).size == (30, 90)
    tiles = [Tile("a caption that is far too long for its picture, by any measure", image)] * 7
    sheet = Image.open(draw_contact_sheet(tmp_path / "sheet.jpg", tiles, "seven images", columns=3))
    single = Image.open(draw_contact_sheet(tmp_path / "one.jpg", tiles[:1], "one image", columns=3))
    assert sheet.width == single.width
    assert sheet.height > 2 * single.height - 60


def test_a_sheet_of_no_pictures_is_still_a_picture(tmp_path):
    assert Image.open(draw_contact_sheet(tmp_path / "none.png", [], "nothing")).size[1] > 0


def test_a_component_of_one_pixel_and_a_long_one_fit_their_tiles(tmp_path):
    tiles = [Tile("point", np.zeros((1, 1, 3), np.uint8)), Tile("line", np.zeros((1, 900, 3), np.uint8))]
    assert draw_contact_sheet(tmp_path / "extreme.png", tiles, "extremes").is_file()
