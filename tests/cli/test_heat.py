from dataclasses import dataclass

import numpy as np
from PIL import Image

from csad.cli.heat import write_heat
from csad.evaluation.heat import heat_overlay


@dataclass(frozen=True)
class Located:
    anomalous: bool
    map: np.ndarray


GREY = np.full((1, 2, 3), 90, np.uint8)
HALF = np.array([[0, 4]], np.float32)


def test_no_heat_leaves_a_grey_image_as_it_is():
    flat = Located(anomalous=True, map=np.zeros((1, 2), np.float32))
    np.testing.assert_array_equal(heat_overlay(GREY, flat), GREY)


def test_the_hottest_place_of_an_anomaly_has_the_last_colour():
    drawn = heat_overlay(GREY, Located(anomalous=True, map=HALF))
    np.testing.assert_array_equal(drawn[0, 0], [90, 90, 90])
    np.testing.assert_allclose(drawn[0, 1], [141, 13.5, 73], atol=0.6)


def test_the_hottest_place_of_a_good_image_is_weaker():
    drawn = heat_overlay(GREY, Located(anomalous=False, map=HALF)).astype(int)
    strong = heat_overlay(GREY, Located(anomalous=True, map=HALF)).astype(int)
    assert np.abs(drawn[0, 1] - [141, 14, 73]).max() > 30
    assert np.array_equal(drawn[0, 0], strong[0, 0])


def test_the_picture_is_written_with_its_folder(tmp_path):
    path = tmp_path / "maps" / "größe.jpg.png"
    write_heat(path, np.full((3, 5, 3), 90, np.uint8), Located(anomalous=False, map=np.zeros((3, 5), np.float32)))
    assert Image.open(path).size == (5, 3)
