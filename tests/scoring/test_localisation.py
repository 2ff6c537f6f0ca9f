import pytest
import torch

from csad.lgst.maps import MapNormaliser
from csad.scoring.branches import ModelOutputs
from csad.scoring.component_statistics import Deviation
from csad.scoring.localisation import anomaly_map, normal_tail, student_maps

UNIT = MapNormaliser(low=0.0, high=0.1)
"""Leaves values as they are."""


def outputs_of(global_map=None, probabilities=None, **local_maps):
    return ModelOutputs(probabilities, None, global_map, local_maps)


class Hot:
    """Statistics that are hot everywhere."""

    def heat(self, probabilities, deviations):
        return torch.full(probabilities.shape[-2:], 0.5)


def draw(outputs, weights, component_statistics=None, deviations=(), index=0):
    scales = dict.fromkeys(student_maps(outputs), UNIT)
    return anomaly_map(outputs, index, scales, weights, component_statistics, deviations, (8, 8))


def test_the_maps_that_are_present_go_by_their_branch():
    maps = student_maps(outputs_of(torch.zeros(1, 2, 2), local=torch.ones(1, 4, 4)))

    assert set(maps) == {"global", "local"}
    assert student_maps(outputs_of()) == {}


def test_maps_are_brought_to_one_size_weighted_and_summed():
    outputs = outputs_of(torch.full((1, 2, 2), 2.0), local=torch.full((1, 4, 4), 3.0))

    total = draw(outputs, {"global": 1.0, "local": 0.5})

    torch.testing.assert_close(total, torch.full((8, 8), 2 + 1.5))


def test_a_map_on_its_scale_has_the_normal_upper_tail_at_a_tenth_and_is_never_negative():
    outputs = outputs_of(torch.tensor([[[10.0, 20.0]]]))

    total = anomaly_map(outputs, 0, {"global": MapNormaliser(15.0, 20.0)}, {}, None, [], (1, 2))

    assert total.tolist() == [[0.0, pytest.approx(0.1)]]


def test_the_normal_tail_of_the_map_is_the_weighted_sum_of_the_students_tails():
    scales = {"local": MapNormaliser(0.0, 1.0), "global": MapNormaliser(2.0, 4.0)}
    assert normal_tail(scales, {"local": 0.5, "global": 1.0, "words": 1.0}) == pytest.approx(0.15)
    assert normal_tail({}, {"words": 1.0}) == pytest.approx(0.1)


def test_the_image_of_the_batch_is_the_one_asked_for():
    outputs = outputs_of(local=torch.arange(3.0).view(3, 1, 1))

    assert draw(outputs, {}, index=2).unique().tolist() == [2]


def test_deviations_of_the_components_add_their_heat():
    outputs = outputs_of(probabilities=torch.zeros(1, 3, 4, 4))
    deviation = Deviation(1, 1, (0, 0), 0.1, 0.0, -9.0)

    assert draw(outputs, {"components": 0.4}, Hot(), [deviation]).unique().tolist() == [pytest.approx(0.2)]
    assert draw(outputs, {"components": 0.4}, Hot(), []).max() == 0


def test_nothing_to_show_is_an_empty_map():
    assert draw(outputs_of(), {}).eq(0).all()
