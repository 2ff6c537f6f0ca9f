import numpy as np
import pytest

from csad.lgst.maps import MapNormaliser
from csad.scoring.localisation import anomaly_map, normal_tail

UNIT = MapNormaliser(low=0.0, high=0.1)
"""Leaves values as they are."""


def draw(weights, heats=None, **maps):
    return anomaly_map(maps, heats or {}, dict.fromkeys(maps, UNIT), weights, (8, 8))


def test_maps_are_brought_to_one_size_weighted_and_summed():
    maps = {"global": np.full((2, 2), 2.0), "local": np.full((4, 4), 3.0)}

    total = draw({"global": 1.0, "local": 0.5}, **maps)

    assert total == pytest.approx(np.full((8, 8), 2 + 1.5))


def test_a_map_on_its_scale_has_the_normal_upper_tail_at_a_tenth_and_is_never_negative():
    maps, scales = {"global": np.array([[10.0, 20.0]], np.float32)}, {"global": MapNormaliser(15.0, 20.0)}

    total = anomaly_map(maps, {}, scales, {}, (1, 2))

    assert total.tolist() == [[0.0, pytest.approx(0.1)]]


def test_the_normal_tail_of_the_map_is_the_weighted_sum_of_the_branches_tails():
    scales = {"local": MapNormaliser(0.0, 1.0), "global": MapNormaliser(2.0, 4.0)}
    assert normal_tail(scales, {"local": 0.5, "global": 1.0, "words": 1.0}) == pytest.approx(0.15)
    assert normal_tail({}, {"words": 1.0}) == pytest.approx(0.1)


def test_heat_is_on_the_scale_of_the_map_and_weighted_like_its_score():
    total = draw({"components": 0.4}, heats={"components": np.full((4, 4), 0.5)})

    assert np.unique(total).tolist() == [pytest.approx(0.2)]


def test_nothing_to_show_is_an_empty_map():
    assert not draw({}).any()
