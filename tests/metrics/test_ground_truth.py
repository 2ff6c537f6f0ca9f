import json
import logging

import numpy as np
import pytest
from PIL import Image

from csad.common.errors import DatasetError
from csad.images import ImageFile
from csad.metrics.ground_truth import SaturationRule, read_defects, read_saturation_rules

SHAPE = (4, 5)


def rule(value, threshold, relative):
    return {
        "defect_name": "hole",
        "pixel_value": value,
        "saturation_threshold": threshold,
        "relative_saturation": relative,
    }


@pytest.fixture
def image(tmp_path):
    return ImageFile("000", tmp_path / "test" / "logical" / "000.png", "test", "logical")


def draw(root, name, values, mode="L"):
    path = root / "ground_truth" / "logical" / "000" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).convert(mode).save(path)
    return path


def mask(value, rows=2):
    values = np.zeros(SHAPE)
    values[:rows] = value
    return values


@pytest.mark.parametrize(
    ("threshold", "relative", "area", "pixels"),
    [(0.5, True, 9, 4), (1.0, True, 9, 9), (0.1, True, 9, 1), (6, False, 9, 6), (60, False, 9, 9)],
)
def test_saturation_is_a_fraction_of_the_area_rounded_down_or_a_number_of_pixels(threshold, relative, area, pixels):
    found = SaturationRule(pixel_value=255, saturation_threshold=threshold, relative_saturation=relative)
    assert found.pixels(area) == pixels


def test_every_mask_file_is_one_defect_with_the_rule_of_its_value(tmp_path, image):
    (tmp_path / "defects_config.json").write_text(json.dumps([rule(255, 3, False), rule(254, 0.5, True)]))
    draw(tmp_path, "000.png", mask(255))
    draw(tmp_path, "001.png", mask(254, rows=1))
    defects = read_defects(tmp_path, image, SHAPE, read_saturation_rules(tmp_path))
    assert [int(found.mask.sum()) for found in defects] == [10, 5]
    assert [found.saturation for found in defects] == [3, 2]


def test_without_rules_a_defect_saturates_at_its_full_area(tmp_path, image):
    draw(tmp_path, "000.png", mask(17))
    assert read_saturation_rules(tmp_path) is None
    assert [found.saturation for found in read_defects(tmp_path, image, SHAPE, None)] == [10]


def test_a_value_without_a_rule_saturates_at_its_full_area_and_is_reported(tmp_path, image, caplog):
    (tmp_path / "defects_config.json").write_text(json.dumps([rule(255, 3, False)]))
    draw(tmp_path, "000.png", mask(9))
    with caplog.at_level(logging.WARNING):
        defects = read_defects(tmp_path, image, SHAPE, read_saturation_rules(tmp_path))
    assert [found.saturation for found in defects] == [10]
    assert "holds the values 9" in caplog.text


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_masks_of_any_mode_mark_the_same_pixels(tmp_path, image, mode):
    draw(tmp_path, "000.png", mask(255), mode)
    (found,) = read_defects(tmp_path, image, SHAPE, None)
    assert np.array_equal(found.mask, mask(1).astype(bool))


def test_a_mask_without_a_pixel_does_not_count(tmp_path, image, caplog):
    draw(tmp_path, "000.png", mask(0))
    assert read_defects(tmp_path, image, SHAPE, None) == []
    assert "marks no pixel" in caplog.text


def test_a_mask_that_cannot_be_read_is_named(tmp_path, image):
    draw(tmp_path, "000.png", mask(255)).write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"000\.png cannot be read"):
        read_defects(tmp_path, image, SHAPE, None)


@pytest.mark.parametrize("text", ["{", '{"a": 1}', json.dumps([rule(255, 0, False)]), "[1]"])
def test_rules_that_are_not_as_defined_are_an_error_that_names_the_file(tmp_path, text):
    (tmp_path / "defects_config.json").write_text(text)
    with pytest.raises(DatasetError, match=r"defects_config\.json cannot be used.*expected a list of objects"):
        read_saturation_rules(tmp_path)
