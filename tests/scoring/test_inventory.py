import numpy as np
import pytest
import torch

from csad.scoring.inventory import GRIDS, HEAT_PER_DEVIATION, MAXIMUM_HEAT, Difference, Inventory
from csad.scoring.inventory_builder import InventoryBuilder


def probabilities(*boxes, classes=3, side=16):
    """Class probabilities (K + 1, side, side) where box (label, top, left, height, width) is of that class."""
    labels = np.zeros((side, side), np.int64)
    for label, top, left, height, width in boxes:
        labels[top : top + height, left : left + width] = label
    return (labels == np.arange(classes + 1)[:, None, None]).astype(np.float32)


BIG, SMALL = (1, 0, 0, 4, 8), (2, 12, 12, 4, 2)
"""32 and 8 of 256 pixels, at the top left and at the bottom right."""


def inventory_of(*images, types=None):
    builder = InventoryBuilder(len(images))
    builder.add(torch.from_numpy(np.stack(images[:1])))
    if len(images) > 1:
        builder.add(torch.from_numpy(np.stack(images[1:])))
    return builder.build(np.zeros(len(images), np.int64) if types is None else np.array(types))


@pytest.fixture(scope="module")
def inventory():
    """Two classes that hardly vary and a third that never appears."""
    return inventory_of(*[probabilities(BIG, SMALL, (1, 4, 0, 1, i % 2)) for i in range(10)])


def test_a_normal_product_has_no_difference(inventory):
    normal = probabilities(BIG, SMALL)

    assert inventory.differences(normal) == []
    assert not inventory.heat(normal, []).any()


def test_a_missing_component_differs_as_a_whole_and_in_its_quarter(inventory):
    found = inventory.differences(probabilities(BIG))

    assert {difference.label for difference in found} == {2}
    assert all(difference.deviations < 0 for difference in found)
    whole = next(difference for difference in found if difference.grid == 1)
    assert whole.expected == pytest.approx(8 / 256)
    assert whole.found == 0


def test_a_component_at_another_place_differs_in_quarters_only(inventory):
    found = inventory.differences(probabilities(BIG, (2, 12, 2, 4, 2)))

    assert {(difference.label, difference.grid) for difference in found} == {(2, 2)}


def test_the_worst_difference_comes_first(inventory):
    found = inventory.differences(probabilities((1, 0, 0, 4, 8), (3, 0, 12, 4, 4)))

    sizes = [abs(difference.deviations) for difference in found]
    assert len(sizes) > 2
    assert sizes == sorted(sizes, reverse=True)


def test_an_extra_component_is_hot_at_its_own_pixels(inventory):
    odd = probabilities(BIG, SMALL, (3, 0, 12, 4, 4))

    heat = inventory.heat(odd, inventory.differences(odd))

    assert heat[:4, 12:].min() > 0
    heat[:4, 12:] = 0
    assert not heat.any()


def test_a_missing_component_is_hot_where_normal_images_have_it(inventory):
    odd = probabilities(BIG)

    heat = inventory.heat(odd, inventory.differences(odd))

    assert heat[12:16, 12:14].min() > 0
    heat[12:16, 12:14] = 0
    assert not heat.any()


def test_heat_grows_with_the_deviations_up_to_a_limit(inventory):
    odd = probabilities((3, 0, 0, 16, 16))

    def hottest(deviations):
        return inventory.heat(odd, [Difference(3, 1, (0, 0), 0.0, 1.0, deviations)]).max().item()

    assert hottest(8.0) == pytest.approx(8 * HEAT_PER_DEVIATION / len(GRIDS))
    assert hottest(1e9) == pytest.approx(MAXIMUM_HEAT / len(GRIDS))


def test_a_product_is_compared_with_its_own_type():
    few, many = probabilities(BIG), probabilities(BIG, (3, 8, 0, 8, 8))
    inventory = inventory_of(few, few, many, many, types=[0, 0, 1, 1])

    assert [inventory.nearest_type(image) for image in (few, many)] == [0, 1]
    assert inventory.differences(few) == inventory.differences(many) == []


def test_the_label_maps_that_are_kept_are_spread_over_all_images(monkeypatch):
    monkeypatch.setattr("csad.scoring.inventory_builder.MAXIMUM_NORMALS", 3)

    inventory = inventory_of(*[probabilities((1, 0, 0, 2 * i + 2, 16)) for i in range(7)])

    # Images 0, 3 and 6, at half the resolution: 1, 4 and 7 rows of 8 cells.
    assert [int(m.sum()) for m in inventory.normal_maps] == [8, 32, 56]


def test_it_survives_the_model_folder(inventory):
    again = Inventory.from_arrays(inventory.arrays())
    odd = probabilities(BIG, (3, 0, 12, 4, 4))

    assert again.differences(odd) == inventory.differences(odd)
    assert (again.heat(odd, again.differences(odd)) == inventory.heat(odd, inventory.differences(odd))).all()
