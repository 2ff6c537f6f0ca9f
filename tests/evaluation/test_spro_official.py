"""sPRO from files against a second, plain implementation that reads masks and defects_config.json for itself."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from csad.evaluation.evaluate import evaluate
from csad.evaluation.map_files import MapFiles
from tests.evaluation.fakes import SHAPE, DataSet, FakeScorer, picture

RULES = [
    {"defect_name": "hole", "pixel_value": 255, "saturation_threshold": 0.4, "relative_saturation": True},
    {"defect_name": "dent", "pixel_value": 254, "saturation_threshold": 3, "relative_saturation": False},
    {"defect_name": "all of it", "pixel_value": 253, "saturation_threshold": 1.0, "relative_saturation": True},
]
LIMITS = (0.01, 0.05, 0.1, 0.3, 1.0)


def plainly(root, maps):
    """Every channel of every mask file, every threshold, pixel by pixel; areas by trapezoids up to each limit.

    Args:
        root: Folder of the data set.
        maps: Test images' scores by "kind/stem".
    """
    rules = {rule["pixel_value"]: rule for rule in json.loads((root / "defects_config.json").read_text())}
    channels, free = [], []
    for name, scores in maps.items():
        anomalous = np.zeros(scores.shape, dtype=bool)
        for file in sorted((root / "ground_truth" / name).glob("*.png")):
            values = np.asarray(Image.open(file))
            for value in set(values[values > 0].tolist()):
                channel = values == value
                rule, area = rules[value], int(channel.sum())
                wanted = rule["saturation_threshold"]
                saturation = max(int(wanted * area), 1) if rule["relative_saturation"] else min(wanted, area)
                channels.append((scores[channel], saturation))
                anomalous |= channel
        free.append(scores[~anomalous])
    negatives = np.concatenate(free)
    thresholds = sorted({*np.concatenate([negatives, *(values for values, _ in channels)]).tolist()}, reverse=True)
    curve = [
        (
            float(np.mean(negatives > threshold)),
            float(np.mean([min((values > threshold).sum() / saturation, 1) for values, saturation in channels])),
        )
        for threshold in (*thresholds, -1.0)
    ]
    return {limit: 100 * _area(curve, limit) / limit for limit in LIMITS}


def _area(curve, limit):
    x, y = np.array(curve).T
    height = float(np.interp(limit, x, y)) if limit not in x else float(y[np.flatnonzero(x == limit)[0]])
    inside = x < limit
    return float(np.trapezoid([*y[inside], height], [*x[inside], limit]))


def maps_and_masks(generator):
    heats = {f"good/{index:03d}": generator.integers(0, 40, SHAPE) for index in range(2)}
    masks = {}
    for kind, index in (("logical_anomalies", 0), ("logical_anomalies", 1), ("structural_anomalies", 0)):
        name = f"{kind}/{index:03d}"
        heats[name] = generator.integers(0, 40, SHAPE)
        for number in range(generator.integers(1, 3)):
            mask = np.zeros(SHAPE, dtype=np.uint8)
            top, left = generator.integers(0, 5, 2)
            mask[top : top + generator.integers(1, 4), left : left + generator.integers(1, 5)] = generator.choice(
                [255, 254, 253]
            )
            masks[f"{name}/{number:03d}"] = mask
            heats[name][mask > 0] += generator.integers(0, 30)
    return heats, masks


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_random_maps_and_saturations_of_both_kinds_give_the_same_figures(tmp_path_factory, seed):
    heats, masks = maps_and_masks(np.random.default_rng(seed))
    data = DataSet(tmp_path_factory.mktemp("loco"))
    data.add("validation", "good", [picture(1)])
    for name, heat in heats.items():
        # The fake scorer's map is the blue channel; the first pixel's red is the score of the image.
        data.add("test", name.split("/")[0], [picture(5, 5, heat)])
    for name, mask in masks.items():
        kind, stem, number = name.split("/")
        data.mask(kind, stem, f"{number}.png", mask)
    (data.root / "defects_config.json").write_text(json.dumps(RULES))
    found = evaluate(FakeScorer(), data.images()).spro
    expected = plainly(data.root, {name: heat.astype(np.float64) for name, heat in heats.items()})
    assert found is not None
    assert dict(found.all) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_plain_implementation_knows_both_kinds_of_saturation(tmp_path):
    # One free pixel above all; a hole of 5 pixels saturates at int(.4 * 5) = 2, a dent of 5 at 3.
    scores = np.array([[5, 4, 0, 0, 0, 9, 1]], dtype=np.float64)
    for value, expected in ((255, 100.0), (254, 100 * 2 / 3)):
        folder = tmp_path / str(value)
        (folder / "ground_truth/logical/000").mkdir(parents=True)
        mask = np.array([[value] * 5 + [0, 0]], dtype=np.uint8)
        Image.fromarray(mask).save(folder / "ground_truth/logical/000/000.png")
        (folder / "defects_config.json").write_text(json.dumps(RULES))
        # Of 2 free pixels the first is passed before any defect pixel, so up to a rate of .5 the overlap is 0; there it
        # rises to 2 of its saturation and stays until the second: half of the area, at a limit of 1.
        assert plainly(folder, {"logical/000": scores})[1.0] == pytest.approx(expected / 2)


def test_maps_are_written_as_the_official_program_reads_them(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    heat = np.arange(80, dtype=np.uint8).reshape(SHAPE)
    data = DataSet(tmp_path / "kit")
    data.add("validation", "good", [picture(1)]).add("test", "good", [picture(2)])
    data.add("test", "logical_anomalies", [picture(3, 3, heat), picture(4)])
    evaluate(FakeScorer(), data.images(), maps=MapFiles(tmp_path / "maps", "kit"))
    files = sorted(file.relative_to(tmp_path / "maps").as_posix() for file in (tmp_path / "maps").rglob("*.*"))
    assert files == [
        "kit/test/good/000.tiff",
        "kit/test/logical_anomalies/000.tiff",
        "kit/test/logical_anomalies/001.tiff",
    ]
    read = tifffile.imread(tmp_path / "maps/kit/test/logical_anomalies/000.tiff")
    assert (read.dtype, read.shape) == (np.float32, SHAPE)
    assert np.array_equal(read, heat)
