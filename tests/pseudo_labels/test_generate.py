import numpy as np
import pytest
from PIL import Image

from csad.common.errors import StageError
from csad.images import read_rgb
from csad.imaging.canvas import Canvas
from csad.imaging.masks import ComponentMask, save_masks
from csad.pseudo_labels.gallery_page import write_gallery_page
from csad.pseudo_labels.generate import generate
from csad.pseudo_labels.label_maps import load_label_map
from csad.pseudo_labels.record import PseudoLabels
from csad.runner.snapshot import open_snapshot
from csad.stages import ingest

COLOURS = {"disc": (200, 40, 40), "square": (40, 160, 60), "bar": (40, 60, 190)}


@pytest.fixture(scope="module")
def images(tiny_line, tiny_line_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    ingest.run(tiny_line, tiny_line_data, folder)
    return open_snapshot(folder)


def parts_of(image):
    """The masks of disc, square and bar by their colours."""
    difference = {name: np.abs(read_rgb(image.path).astype(int) - colour) for name, colour in COLOURS.items()}
    return [ComponentMask((values < 25).all(axis=2), "by hand", 1.0) for values in difference.values()]


@pytest.fixture(scope="module")
def labelled(images, tiny_line, tmp_path_factory):
    masks, output = tmp_path_factory.mktemp("masks"), tmp_path_factory.mktemp("pseudo_labels")
    for image in images.train:
        empty = ComponentMask(np.zeros((128, 128), dtype=bool), "by hand", 1.0)
        save_masks(masks / f"{image.stem}.json", [*parts_of(image), empty])
    return output, generate(tiny_line, images, masks, output, seed=0)


def test_three_parts_in_ten_images_are_three_classes(labelled):
    _, record = labelled
    assert (record.classes, record.components) == (3, 30)
    assert record.sizes == (10, 10, 10)
    assert record.images == (10, 10, 10)
    assert record.dropped_fraction == 0


def test_a_part_has_the_same_class_in_every_image(labelled, images):
    output, _ = labelled
    for number in range(3):
        found = set()
        for image in images.train:
            label_map = load_label_map(output / "label_maps", image.stem)
            found |= set(np.unique(label_map[parts_of(image)[number].mask]))
        assert len(found) == 1
        assert found <= {1, 2, 3}


def test_what_is_no_part_is_background(labelled, images):
    output, _ = labelled
    label_map = load_label_map(output / "label_maps", "004")
    parts = np.any([part.mask for part in parts_of(images.train[4])], axis=0)
    assert not label_map[~parts].any()


def test_every_image_has_a_type_and_an_overlay_and_every_class_a_picture(labelled, images):
    output, record = labelled
    assert set(record.types) == {image.stem for image in images.train}
    assert set(record.kept) <= set(record.types)
    assert len(list((output / "overlays").glob("*.jpg"))) == 10
    pictures = sorted(path.name for path in (output / "gallery").glob("component_*.png"))
    assert pictures == ["component_001.png", "component_002.png", "component_003.png"]


def test_the_record_reads_back(labelled):
    output, record = labelled
    assert PseudoLabels.read(output) == record


def test_the_gallery_page_needs_no_other_file(labelled):
    output, _ = labelled
    write_gallery_page(output, "line <1>")
    page = (output / "gallery.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "line &lt;1&gt;" in page
    assert 'src="data:' in page
    assert "http" not in page


def test_a_bandwidth_that_makes_one_class_of_all_parts_is_doubted_in_log_record_and_gallery(
    images, tiny_line, tmp_path, caplog
):
    for image in images.train:
        save_masks(tmp_path / "masks" / f"{image.stem}.json", parts_of(image))
    settings = tiny_line.pseudo_labels.model_copy(update={"bandwidth": 100.0})
    line = tiny_line.model_copy(update={"pseudo_labels": settings})

    with caplog.at_level("WARNING"):
        record = generate(line, images, tmp_path / "masks", tmp_path / "labels", seed=0)

    assert (record.classes, record.sizes) == (1, (30,))
    (doubt,) = record.doubts
    assert doubt.startswith("all 30 components that were kept are of one class")
    assert f"pseudo-labels are doubtful: {doubt}" in caplog.messages
    assert PseudoLabels.read(tmp_path / "labels").doubts == (doubt,)
    write_gallery_page(tmp_path / "labels", "one")
    assert "Doubtful: all 30 components" in (tmp_path / "labels/gallery.html").read_text()


def test_three_kinds_of_parts_are_in_no_doubt(labelled):
    output, record = labelled
    assert record.doubts == ()
    write_gallery_page(output, "three")
    assert "Doubtful" not in (output / "gallery.html").read_text()


def test_images_without_components_have_no_classes_and_say_why(images, tiny_line, tmp_path):
    for image in images.train:
        save_masks(tmp_path / "masks" / f"{image.stem}.json", [])

    record = generate(tiny_line, images, tmp_path / "masks", tmp_path / "labels", seed=0)

    assert (record.classes, record.kept) == (0, ())
    assert "no component was found in 10 images" in record.note
    assert "no component classes" in record.doubts[0]
    assert PseudoLabels.read(tmp_path / "labels") == record
    write_gallery_page(tmp_path / "labels", "empty")


def test_images_of_different_sizes_are_labelled_at_their_own_size(images, tiny_line, tmp_path):
    large = tmp_path / "large.png"
    Image.open(images.train[0].path).resize((160, 200)).save(large)
    files = (images.train[0].__class__("000", large, "train", "good"), *images.train[1:])
    for image in files:
        save_masks(tmp_path / "masks" / f"{image.stem}.json", parts_of(image))
    mixed = images.__class__(images.root, files, images.validation, images.test, images.digest)

    generate(tiny_line, mixed, tmp_path / "masks", tmp_path / "labels", seed=0)

    assert load_label_map(tmp_path / "labels/label_maps", "000").shape == (200, 160)
    assert load_label_map(tmp_path / "labels/label_maps", "001").shape == (128, 128)


def test_a_large_image_is_labelled_at_its_working_size_like_a_small_one(images, tiny_line, tmp_path):
    enlarged = tmp_path / "large.png"
    Image.open(images.train[0].path).resize((2048, 2048), Image.Resampling.NEAREST).save(enlarged)
    files = (images.train[0].__class__("000", enlarged, "train", "good"), *images.train[1:])
    for image in files:
        save_masks(tmp_path / "masks" / f"{image.stem}.json", parts_of(image))
    large = [np.kron(part.mask, np.ones((8, 8), dtype=bool)) for part in parts_of(images.train[0])]
    save_masks(tmp_path / "masks/000.json", [ComponentMask(mask, "by hand", 1.0) for mask in large])
    mixed = images.__class__(images.root, files, images.validation, images.test, images.digest)

    record = generate(tiny_line, mixed, tmp_path / "masks", tmp_path / "labels", seed=0)

    assert (record.classes, record.sizes) == (3, (10, 10, 10))
    label_map = load_label_map(tmp_path / "labels/label_maps", "000")
    assert label_map.shape == (1024, 1024)
    shown = [set(np.unique(label_map[mask])) for mask in large]
    for number, part in enumerate(parts_of(images.train[1])):
        small = load_label_map(tmp_path / "labels/label_maps", "001")
        assert set(np.unique(small[part.mask])) == shown[number]
    # On the canvas nobody sees at which size they were drawn.
    canvas = Canvas((0.125, 0.125, 0.875, 0.875), 128, 128)
    full_size = np.kron(label_map, np.ones((2, 2), dtype=np.uint8))
    assert np.array_equal(canvas.labels_to_input(label_map), canvas.labels_to_input(full_size))


def test_a_missing_mask_file_is_an_error_that_names_it(images, tiny_line, tmp_path):
    with pytest.raises(StageError, match=r"000\.json"):
        generate(tiny_line, images, tmp_path, tmp_path / "labels", seed=0)
