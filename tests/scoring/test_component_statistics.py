import numpy as np
import pytest
import torch

from csad.scoring.component_statistics import GRIDS, HEAT_PER_Z, MAXIMUM_HEAT, ComponentStatistics, Deviation
from csad.scoring.component_statistics_builder import ComponentStatisticsBuilder


def probabilities(*boxes, classes=3, side=16):
    """Class probabilities (K + 1, side, side) where box (label, top, left, height, width) is of that class."""
    labels = np.zeros((side, side), np.int64)
    for label, top, left, height, width in boxes:
        labels[top : top + height, left : left + width] = label
    return (labels == np.arange(classes + 1)[:, None, None]).astype(np.float32)


BIG, SMALL = (1, 0, 0, 4, 8), (2, 12, 12, 4, 2)
"""32 and 8 of 256 pixels, at the top left and at the bottom right."""


def statistics_of(*images, types=None):
    builder = ComponentStatisticsBuilder(len(images))
    builder.add(torch.from_numpy(np.stack(images[:1])))
    if len(images) > 1:
        builder.add(torch.from_numpy(np.stack(images[1:])))
    return builder.build(np.zeros(len(images), np.int64) if types is None else np.array(types))


@pytest.fixture(scope="module")
def component_statistics():
    """Two classes that hardly vary and a third that never appears."""
    return statistics_of(*[probabilities(BIG, SMALL, (1, 4, 0, 1, i % 2)) for i in range(10)])


def test_a_normal_product_has_no_deviation(component_statistics):
    normal = probabilities(BIG, SMALL)

    assert component_statistics.deviations(normal) == []
    assert not component_statistics.heat(normal, []).any()


def test_a_missing_component_differs_as_a_whole_and_in_its_quarter(component_statistics):
    found = component_statistics.deviations(probabilities(BIG))

    assert {deviation.label for deviation in found} == {2}
    assert all(deviation.z_score < 0 for deviation in found)
    whole = next(deviation for deviation in found if deviation.grid == 1)
    assert whole.expected == pytest.approx(8 / 256)
    assert whole.found == 0


def test_a_component_at_another_place_differs_in_quarters_only(component_statistics):
    found = component_statistics.deviations(probabilities(BIG, (2, 12, 2, 4, 2)))

    assert {(deviation.label, deviation.grid) for deviation in found} == {(2, 2)}


def test_the_worst_deviation_comes_first(component_statistics):
    found = component_statistics.deviations(probabilities((1, 0, 0, 4, 8), (3, 0, 12, 4, 4)))

    sizes = [abs(deviation.z_score) for deviation in found]
    assert len(sizes) > 2
    assert sizes == sorted(sizes, reverse=True)


def test_an_extra_component_is_hot_at_its_own_pixels(component_statistics):
    odd = probabilities(BIG, SMALL, (3, 0, 12, 4, 4))

    heat = component_statistics.heat(odd, component_statistics.deviations(odd))

    assert heat[:4, 12:].min() > 0
    heat[:4, 12:] = 0
    assert not heat.any()


def test_a_missing_component_is_hot_where_normal_images_have_it(component_statistics):
    odd = probabilities(BIG)

    heat = component_statistics.heat(odd, component_statistics.deviations(odd))

    assert heat[12:16, 12:14].min() > 0
    heat[12:16, 12:14] = 0
    assert not heat.any()


def test_heat_grows_with_the_z_score_up_to_a_limit(component_statistics):
    odd = probabilities((3, 0, 0, 16, 16))

    def hottest(z_score):
        return component_statistics.heat(odd, [Deviation(3, 1, (0, 0), 0.0, 1.0, z_score)]).max().item()

    assert hottest(8.0) == pytest.approx(8 * HEAT_PER_Z / len(GRIDS))
    assert hottest(1e9) == pytest.approx(MAXIMUM_HEAT / len(GRIDS))


def test_a_product_is_compared_with_its_own_type():
    few, many = probabilities(BIG), probabilities(BIG, (3, 8, 0, 8, 8))
    component_statistics = statistics_of(few, few, many, many, types=[0, 0, 1, 1])

    assert [component_statistics.nearest_type(image) for image in (few, many)] == [0, 1]
    assert component_statistics.deviations(few) == component_statistics.deviations(many) == []


def test_the_label_maps_that_are_kept_are_spread_over_all_images(monkeypatch):
    monkeypatch.setattr("csad.scoring.component_statistics_builder.MAXIMUM_NORMALS", 3)

    component_statistics = statistics_of(*[probabilities((1, 0, 0, 2 * i + 2, 16)) for i in range(7)])

    # Images 0, 3 and 6, at half the resolution: 1, 4 and 7 rows of 8 cells.
    assert [int(m.sum()) for m in component_statistics.reference_label_maps] == [8, 32, 56]


def test_it_survives_the_model_folder(component_statistics):
    again = ComponentStatistics.from_arrays(component_statistics.arrays())
    odd = probabilities(BIG, (3, 0, 12, 4, 4))

    assert again.deviations(odd) == component_statistics.deviations(odd)
    assert (
        again.heat(odd, again.deviations(odd)) == component_statistics.heat(odd, component_statistics.deviations(odd))
    ).all()
