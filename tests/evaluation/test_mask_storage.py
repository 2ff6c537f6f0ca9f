"""One mask, stored in many ways, marks the same pixels; what is no plain mask is named."""

import json
import logging

import numpy as np
import pytest
from PIL import Image

from csad.common.errors import DatasetError
from csad.evaluation.evaluate import evaluate
from csad.images import ImageFile
from csad.metrics.ground_truth import read_defects, read_saturation_rules
from csad.metrics.mask_doubts import MaskDoubts
from csad.metrics.mask_values import read_mask

from .fakes import SHAPE, DataSet, FakeScorer, picture

DEFECT = np.zeros(SHAPE, dtype=bool)
DEFECT[:2, 2:6] = True
"""8 of 80 pixels."""


def grey(value):
    return (DEFECT * value).astype(np.uint8)


def palette(colours):
    """Background is index 0, the defect index 1."""
    stored = Image.fromarray(grey(1))
    stored.putpalette(colours)
    return stored


def white_first():
    """Background is index 1, which is black; the defect index 0, which is white."""
    stored = Image.fromarray((~DEFECT).astype(np.uint8))
    stored.putpalette([255, 255, 255, 0, 0, 0])
    return stored


def white_with_alpha(alpha):
    return Image.fromarray(np.dstack([np.full((*SHAPE, 3), 255, np.uint8), alpha]), "RGBA")


def transparent_palette():
    stored = palette([255, 255, 255, 255, 255, 255])
    stored.info["transparency"] = 0
    return stored


def red_on_black():
    colours = np.zeros((*SHAPE, 3), np.uint8)
    colours[DEFECT] = 255, 0, 0
    return Image.fromarray(colours)


def black_on_transparent():
    return Image.fromarray(np.dstack([np.zeros((*SHAPE, 3), np.uint8), grey(255)]), "RGBA")


STORED = {
    "8-bit grey": lambda: Image.fromarray(grey(255)),
    "1 bit": lambda: Image.fromarray(grey(255)).convert("1"),
    "one label": lambda: Image.fromarray(grey(1)),
    "16 bits, white": lambda: Image.fromarray(DEFECT.astype(np.uint16) * 65535),
    "16 bits, 8-bit value": lambda: Image.fromarray(DEFECT.astype(np.uint16) * 255),
    "palette, black first": lambda: palette([0, 0, 0, 128, 0, 0]),
    "palette, white first": white_first,
    "palette, transparent background": transparent_palette,
    "colour on black": red_on_black,
    "transparent background": lambda: white_with_alpha(grey(255)),
    "grey and alpha": lambda: white_with_alpha(grey(255)).convert("LA"),
    "black on a transparent background": black_on_transparent,
    "opaque": lambda: Image.fromarray(grey(255)).convert("RGBA"),
}


def stored_in(root, pictures, kind="logical"):
    """A data set of one image whose masks are the pictures, and the image."""
    folder = root / "ground_truth" / kind / "000"
    folder.mkdir(parents=True)
    for number, stored in enumerate(pictures):
        stored.save(folder / f"{number:03d}.png")
    return ImageFile("000", root / "test" / kind / "000.png", "test", kind)


def doubts_about(root, stored, rules=None, shape=SHAPE):
    image, doubts = stored_in(root, [stored]), MaskDoubts()
    return read_defects(root, image, shape, rules, doubts), list(doubts.sentences())


def rules_for(root, *values):
    entry = {"defect_name": "hole", "saturation_threshold": 3, "relative_saturation": False}
    (root / "defects_config.json").write_text(json.dumps([entry | {"pixel_value": value} for value in values]))
    return read_saturation_rules(root)


@pytest.mark.parametrize("storage", STORED)
def test_a_mask_marks_the_same_pixels_however_it_is_stored_and_raises_no_doubt(tmp_path, storage):
    (found,), doubts = doubts_about(tmp_path, STORED[storage]())
    assert np.array_equal(found.mask, DEFECT)
    assert (found.saturation, doubts) == (8, [])


@pytest.mark.parametrize("storage", [name for name in STORED if name not in ("one label", "palette, black first")])
def test_white_is_the_pixel_value_255_of_the_configuration_however_it_is_stored(tmp_path, storage):
    (found,), doubts = doubts_about(tmp_path, STORED[storage](), rules_for(tmp_path, 255))
    assert (found.saturation, doubts) == (3, [])


def test_the_index_of_a_palette_counts_where_the_configuration_knows_it_and_not_the_colour(tmp_path):
    (found,), doubts = doubts_about(tmp_path, palette([0, 0, 0, 128, 0, 0]), rules_for(tmp_path, 1))
    assert (int(found.mask.sum()), found.saturation, doubts) == (8, 3, [])


def test_a_16_bit_value_that_the_configuration_names_is_taken_as_stored(tmp_path):
    stored = Image.fromarray(DEFECT.astype(np.uint16) * 514)
    (found,), doubts = doubts_about(tmp_path, stored, rules_for(tmp_path, 514))
    assert (found.saturation, doubts) == (3, [])


def test_each_value_that_the_configuration_names_is_a_defect_of_its_own(tmp_path):
    values = grey(255)
    values[5, :3] = 254
    found, doubts = doubts_about(tmp_path, Image.fromarray(values), rules_for(tmp_path, 254, 255))
    assert [int(defect.mask.sum()) for defect in found] == [3, 8]
    assert doubts == []


def test_soft_edges_count_from_half_of_full_brightness_and_are_named(tmp_path):
    values = grey(255)
    values[4] = [0, 1, 2, 3, 5, 7, 9, 100, 127, 128]
    (found,), doubts = doubts_about(tmp_path, Image.fromarray(values))
    assert int(found.mask.sum()) == 9
    assert len(doubts) == 1
    assert "1 mask has many grey levels" in doubts[0]
    assert "ground_truth/logical/000/000.png with 10 values" in doubts[0]


def test_few_values_that_nothing_explains_all_count_and_are_named(tmp_path):
    values = grey(1)
    values[4, :2] = 2
    (found,), doubts = doubts_about(tmp_path, Image.fromarray(values))
    assert int(found.mask.sum()) == 10
    assert "holds several values that nothing explains" in doubts[0]
    assert "000.png holds the values 1 2" in doubts[0]


def test_a_mask_of_more_than_half_of_its_image_is_named_and_one_of_half_is_not(tmp_path):
    half = np.zeros(SHAPE, np.uint8)
    half[:4] = 255
    (tmp_path / "a").mkdir()
    assert doubts_about(tmp_path / "a", Image.fromarray(half))[1] == []
    half[4, 0] = 255
    (found,), doubts = doubts_about(tmp_path, Image.fromarray(half))
    assert int(found.mask.sum()) == 41
    assert "1 mask marks more than half of its image" in doubts[0]


def test_a_large_region_that_the_configuration_names_is_no_doubt_unless_it_holds_the_border(tmp_path):
    inner = np.zeros(SHAPE, np.uint8)
    inner[1:-1, 1:-1] = 255  # 48 of 80 pixels
    (tmp_path / "a").mkdir()
    assert doubts_about(tmp_path / "a", Image.fromarray(inner), rules_for(tmp_path, 255))[1] == []
    swapped = np.where(DEFECT, 0, 255).astype(np.uint8)
    _, doubts = doubts_about(tmp_path, Image.fromarray(swapped), rules_for(tmp_path, 255))
    assert "more than half" in doubts[0]


def test_many_masks_of_one_doubt_are_one_sentence_with_a_count(tmp_path):
    image = stored_in(tmp_path, [Image.fromarray(np.full(SHAPE, 255, np.uint8))] * 5)
    doubts = MaskDoubts()
    read_defects(tmp_path, image, SHAPE, None, doubts)
    (sentence,) = doubts.sentences()
    assert sentence.startswith("5 masks, each of which marks more than half")
    assert sentence.endswith("002.png and 2 more")


def with_orientation(path, size, orientation):
    """An image file of `size` (width, height) as stored."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = Image.new("RGB", size)
    exif = stored.getexif()
    exif[0x0112] = orientation
    stored.save(path, exif=exif)


ROTATED = {5: (0, 0), 6: (0, 2), 7: (3, 2), 8: (3, 0)}
"""Where the pixel at row 0, column 0 of a stored 4 x 3 picture lies in the upright 3 x 4 one."""


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", ROTATED)
def test_a_mask_drawn_on_the_stored_pixels_is_turned_like_its_image(tmp_path, orientation, suffix):
    stored = np.zeros((3, 4), np.uint8)
    stored[0, 0] = 255
    image = stored_in(tmp_path, [Image.fromarray(stored)])
    image = ImageFile("000", image.path.with_suffix(f".{suffix}"), "test", "logical")
    with_orientation(image.path, (4, 3), orientation)
    doubts = MaskDoubts()
    (found,) = read_defects(tmp_path, image, (4, 3), None, doubts)
    assert [tuple(place) for place in np.argwhere(found.mask).tolist()] == [ROTATED[orientation]]
    assert "1 mask was turned like its image" in next(doubts.sentences())


@pytest.mark.parametrize(("size", "orientation"), [((10, 8), 3), ((10, 8), 2), ((8, 10), 6)])
def test_a_mask_that_fits_but_lacks_the_orientation_of_its_image_is_named(tmp_path, size, orientation):
    image = stored_in(tmp_path, [Image.fromarray(grey(255))])
    with_orientation(image.path, size, orientation)
    doubts = MaskDoubts()
    (found,) = read_defects(tmp_path, image, SHAPE, None, doubts)
    assert np.array_equal(found.mask, DEFECT)
    assert "carries another EXIF orientation than its image" in next(doubts.sentences())


def test_image_and_mask_of_the_same_orientation_are_no_doubt(tmp_path):
    image = stored_in(tmp_path, [])
    with_orientation(image.path, (10, 8), 3)
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(grey(255)).save(tmp_path / "ground_truth/logical/000/000.png", exif=exif)
    doubts = MaskDoubts()
    (found,) = read_defects(tmp_path, image, SHAPE, None, doubts)
    assert np.array_equal(found.mask, DEFECT[::-1, ::-1])
    assert list(doubts.sentences()) == []


def test_a_mask_of_floating_point_or_32_bits_is_refused_by_name(tmp_path):
    path = tmp_path / "mask.png"
    for stored in (Image.new("F", (2, 2)), Image.fromarray(np.array([[70000]], np.int32))):
        stored.save(path, format="TIFF")
        with pytest.raises(DatasetError, match=r"mask\.png cannot be read .*expected"):
            read_mask(path)


@pytest.mark.parametrize("storage", STORED)
def test_localisation_is_the_same_however_the_masks_are_stored(tmp_path, storage):
    data = DataSet(tmp_path).add("test", "good", [picture(5)])
    heat = grey(200)
    heat[0, 2:4] = 0
    heat[7, 0] = 250
    data.add("test", "logical", [picture(9, heat=heat)])
    stored_in(tmp_path, [STORED[storage]()])
    found = evaluate(FakeScorer(), data.images())
    assert found.doubts == ()
    plain = DataSet(tmp_path / "plain").add("test", "good", [picture(5)])
    plain.add("test", "logical", [picture(9, heat=heat)]).mask("logical", "000", "000.png", grey(255))
    assert found.spro == evaluate(FakeScorer(), plain.images()).spro


def test_doubts_stand_in_log_table_and_json_and_not_among_what_does_not_count(kit, caplog):
    kit.mask("logical_anomalies", "000", "000.png", np.full(SHAPE, 255))
    with caplog.at_level(logging.WARNING):
        evaluation = evaluate(FakeScorer(), kit.images())
    assert "1 mask marks more than half" in evaluation.doubts[0]
    assert "1 mask marks more than half" in evaluation.to_text()
    assert "1 mask marks more than half" in evaluation.to_json()["doubts"][0]
    assert caplog.text.count("more than half") == 1
    assert not any("more than half" in problem for problem in evaluation.problems)


def test_masks_that_cannot_be_used_are_one_sentence_with_a_count(kit):
    for stem in ("000", "001"):
        kit.mask("logical_anomalies", stem, "000.png", np.ones((3, 3)))
    found = evaluate(FakeScorer(), kit.images()).problems[0]
    assert found.startswith("2 of 3 anomalous images have masks that cannot be used and do not count")
    assert "is 3 x 3, its image 000.png 10 x 8" in found


def test_mask_files_that_belong_to_no_image_are_counted(kit):
    kit.mask("logical_anomalies", "017", "000.png", grey(255))
    (kit.root / "ground_truth" / "logical_anomalies" / "001.bmp").write_bytes(b"x")
    (doubt,) = evaluate(FakeScorer(), kit.images()).doubts
    assert doubt.startswith("2 files belong to no usable anomalous test image: ground_truth/logical_anomalies/001.bmp")


def test_a_truncated_mask_with_an_orientation_is_refused_by_name(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(grey(255)).save(tmp_path / "mask.png", exif=exif)
    (tmp_path / "mask.png").write_bytes((tmp_path / "mask.png").read_bytes()[:-40])
    with pytest.raises(DatasetError, match=r"mask\.png cannot be read"):
        read_mask(tmp_path / "mask.png")
