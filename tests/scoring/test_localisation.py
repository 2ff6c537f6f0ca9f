import pytest
import torch

from csad.lgst.maps import MapNormaliser
from csad.scoring.branches import Views
from csad.scoring.inventory import Difference
from csad.scoring.localisation import anomaly_map, normal_tail, student_maps

UNIT = MapNormaliser(low=0.0, high=0.1)
"""Leaves values as they are."""


def views_of(global_map=None, probabilities=None, **local_maps):
    return Views(probabilities, None, global_map, local_maps)


class Hot:
    """An inventory that is hot everywhere."""

    def heat(self, probabilities, differences):
        return torch.full(probabilities.shape[-2:], 0.5)


def draw(views, weights, inventory=None, differences=(), index=0):
    scales = dict.fromkeys(student_maps(views), UNIT)
    return anomaly_map(views, index, scales, weights, inventory, differences, (8, 8))


def test_the_maps_that_are_present_go_by_their_branch():
    maps = student_maps(views_of(torch.zeros(1, 2, 2), local=torch.ones(1, 4, 4)))

    assert set(maps) == {"global", "local"}
    assert student_maps(views_of()) == {}


def test_maps_are_brought_to_one_size_weighted_and_summed():
    views = views_of(torch.full((1, 2, 2), 2.0), local=torch.full((1, 4, 4), 3.0))

    total = draw(views, {"global": 1.0, "local": 0.5})

    torch.testing.assert_close(total, torch.full((8, 8), 2 + 1.5))


def test_a_map_on_its_scale_has_the_normal_upper_tail_at_a_tenth_and_is_never_negative():
    views = views_of(torch.tensor([[[10.0, 20.0]]]))

    total = anomaly_map(views, 0, {"global": MapNormaliser(15.0, 20.0)}, {}, None, [], (1, 2))

    assert total.tolist() == [[0.0, pytest.approx(0.1)]]


def test_the_normal_tail_of_the_map_is_the_weighted_sum_of_the_students_tails():
    scales = {"local": MapNormaliser(0.0, 1.0), "global": MapNormaliser(2.0, 4.0)}
    assert normal_tail(scales, {"local": 0.5, "global": 1.0, "words": 1.0}) == pytest.approx(0.15)
    assert normal_tail({}, {"words": 1.0}) == pytest.approx(0.1)


def test_the_image_of_the_batch_is_the_one_asked_for():
    views = views_of(local=torch.arange(3.0).view(3, 1, 1))

    assert draw(views, {}, index=2).unique().tolist() == [2]


def test_differences_of_the_components_add_their_heat():
    views = views_of(probabilities=torch.zeros(1, 3, 4, 4))
    difference = Difference(1, 1, (0, 0), 0.1, 0.0, -9.0)

    assert draw(views, {"components": 0.4}, Hot(), [difference]).unique().tolist() == [pytest.approx(0.2)]
    assert draw(views, {"components": 0.4}, Hot(), []).max() == 0


def test_nothing_to_show_is_an_empty_map():
    assert draw(views_of(), {}).eq(0).all()
