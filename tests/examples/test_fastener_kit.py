"""The fastener kit is complete, small, and its masks and label maps agree with its images."""

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fastener_kit"
DATA = EXAMPLE / "data"
COUNTS = {
    "train/good": 160,
    "validation/good": 40,
    "test/good": 40,
    "test/logical_anomalies": 40,
    "test/structural_anomalies": 40,
}
ANOMALIES = ("logical_anomalies", "structural_anomalies")
GOOD = ("train/good", "validation/good", "test/good")
PARTS_PER_CLASS = {1: 2, 2: 2, 3: 1, 4: 1}
SIZE = (320, 320)
FREE_FLOOR_AT_LEAST = 40_000
BUDGET_BYTES = 12_000_000


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def defects() -> list[dict[str, str]]:
    with (EXAMPLE / "defects.csv").open() as file:
        return list(csv.DictReader(file))


def config() -> dict[int, dict[str, object]]:
    entries = json.loads((DATA / "defects_config.json").read_text())
    return {entry["pixel_value"]: entry for entry in entries}


@pytest.mark.parametrize(("folder", "count"), COUNTS.items())
def test_every_folder_has_its_images_numbered_from_zero(folder, count):
    stems = sorted(path.name for path in (DATA / folder).iterdir())
    assert stems == [f"{number:03d}.jpg" for number in range(count)]


@pytest.mark.parametrize("folder", COUNTS)
def test_images_are_rgb_of_320_pixels_and_neither_dark_nor_blown_out(folder):
    for path in (DATA / folder).iterdir():
        image = Image.open(path)
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", SIZE), path
        assert 50 < np.asarray(image).mean() < 200, path


def test_no_two_images_are_the_same():
    digests = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in DATA.rglob("*.jpg"))
    assert len(digests) == sum(COUNTS.values())


def test_the_example_stays_within_its_size_budget():
    assert sum(path.stat().st_size for path in EXAMPLE.rglob("*") if path.is_file()) < BUDGET_BYTES
    assert (EXAMPLE / "contact_sheet.jpg").stat().st_size < 300_000


def test_each_category_of_defect_has_its_share_of_the_test_images():
    logical = dict.fromkeys(("missing_part", "extra_part", "too_long", "swapped_part"), 10)
    structural = ("bent_screw", "scratched_part", "broken_part", "contaminated_part", "wrong_colour")
    assert Counter(row["category"] for row in defects()) == logical | dict.fromkeys(structural, 8)
    assert all((DATA / row["image"]).is_file() for row in defects())


@pytest.mark.parametrize("kind", ANOMALIES)
def test_every_anomalous_image_has_ground_truth_and_no_other_has(kind):
    folders = sorted(path.name for path in (DATA / "ground_truth" / kind).iterdir())
    assert folders == sorted(path.stem for path in (DATA / "test" / kind).iterdir())


@pytest.mark.parametrize("kind", ANOMALIES)
def test_a_mask_holds_zero_and_one_defect_of_the_config(kind):
    known = config()
    for folder in (DATA / "ground_truth" / kind).iterdir():
        masks = sorted(folder.iterdir())
        assert [path.name for path in masks] == [f"{number:03d}.png" for number in range(len(masks))]
        assert masks, folder
        for path in masks:
            mask = pixels(path)
            assert mask.shape == SIZE, path
            assert mask.dtype == np.uint8, path
            values = set(np.unique(mask).tolist()) - {0}
            assert len(values) == 1, path
            assert values <= known.keys(), path
            assert np.count_nonzero(mask) >= 40, path


def test_logical_masks_are_at_least_as_large_as_their_absolute_saturation():
    known = config()
    for path in (DATA / "ground_truth" / "logical_anomalies").rglob("*.png"):
        mask = pixels(path)
        entry = known[int(mask.max())]
        if not entry["relative_saturation"]:
            assert np.count_nonzero(mask) >= entry["saturation_threshold"], path


def test_structural_masks_cover_less_than_one_part_of_the_kit():
    largest_part = 3_300
    for path in (DATA / "ground_truth" / "structural_anomalies").rglob("*.png"):
        assert np.count_nonzero(pixels(path)) < largest_part, path


def test_defect_names_and_pixel_values_are_unique():
    names = [entry["defect_name"] for entry in config().values()]
    assert len(names) == len(set(names)) == len(json.loads((DATA / "defects_config.json").read_text()))


def test_a_mask_names_the_defect_of_its_image():
    known = config()
    for row in defects():
        kind, stem = Path(row["image"]).parent.name, Path(row["image"]).stem
        named = {
            known[int(pixels(path).max())]["defect_name"] for path in (DATA / "ground_truth" / kind / stem).iterdir()
        }
        if kind == "structural_anomalies":
            assert named == {row["category"]}
        if row["category"] == "missing_part":
            assert named == {f"missing_{row['detail'].removesuffix(' missing')}"}
        if row["category"] == "swapped_part":
            new, old = row["detail"].split(" instead of ")
            assert named == {f"extra_{new}", f"missing_{old}"}


@pytest.mark.parametrize("folder", GOOD)
def test_label_maps_hold_two_washers_two_nuts_a_long_and_a_short_screw(folder):
    paths = sorted((EXAMPLE / "component_labels" / folder).iterdir())
    assert [path.stem for path in paths] == sorted(path.stem for path in (DATA / folder).iterdir())
    for path in paths:
        labels = pixels(path)
        assert labels.shape == SIZE, path
        assert set(np.unique(labels).tolist()) <= {0, *PARTS_PER_CLASS}, path
        assert np.count_nonzero(labels == 0) > FREE_FLOOR_AT_LEAST, path
        found = {value: parts_of(labels == value) for value in PARTS_PER_CLASS}
        assert found == PARTS_PER_CLASS, path


def parts_of(region: np.ndarray) -> int:
    """Count connected regions of at least 100 pixels; smaller ones are slivers behind another part."""
    numbered, count = ndimage.label(region, structure=np.ones((3, 3)))
    return sum(np.count_nonzero(numbered == number) >= 100 for number in range(1, count + 1))


def test_a_long_screw_covers_more_than_a_short_one():
    for path in (EXAMPLE / "component_labels" / "train" / "good").iterdir():
        labels = pixels(path)
        assert np.count_nonzero(labels == 3) > 1.4 * np.count_nonzero(labels == 4), path


def test_components_differ_from_the_floor_in_the_photograph():
    """Labels and photograph are two renderings of one scene: brass nuts must be where the map says."""
    for stem in ("000", "050", "100"):
        photograph = pixels(DATA / "train" / "good" / f"{stem}.jpg").astype(float)
        labels = pixels(EXAMPLE / "component_labels" / "train" / "good" / f"{stem}.png")
        red_over_blue = photograph[..., 0] - photograph[..., 2]
        assert red_over_blue[labels == 2].mean() > red_over_blue[labels == 0].mean() + 50


def test_classes_file_names_the_labels():
    classes = json.loads((EXAMPLE / "component_labels" / "classes.json").read_text())
    assert classes == {"0": "background", "1": "washer", "2": "nut", "3": "long_screw", "4": "short_screw"}
