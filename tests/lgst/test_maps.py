import pytest
import torch

from csad.common.errors import DatasetError
from csad.lgst.maps import CellSample, MapNormaliser
from csad.lgst.paper.students import StudentMaps


def test_the_quantiles_of_normal_maps_become_zero_and_a_tenth():
    # Cells 0..1000: the .9 quantile is 900, the .995 quantile 995.
    normaliser = MapNormaliser.fit(torch.arange(1001.0).split(77), seed=0)

    assert normaliser == MapNormaliser(low=900.0, high=995.0)
    torch.testing.assert_close(
        normaliser(torch.tensor([900.0, 995.0, 1090.0, 805.0])), torch.tensor([0.0, 0.1, 0.2, -0.1])
    )


def test_many_maps_are_sampled_in_constant_memory():
    sample = CellSample(size=2000, seed=0)
    for block in torch.arange(100_000.0).split(1000):
        sample.add(block)

    assert sample.values.numel() == 2000
    # The mean of 2,000 of 100,000 evenly spread values has a deviation of 645.
    assert float(sample.values.mean()) == pytest.approx(50_000, abs=2600)


def test_constant_maps_give_finite_values():
    normaliser = MapNormaliser.fit([torch.full((2, 4, 4), 3.0)], seed=0)

    assert normaliser(torch.tensor(3.0)) == 0
    # A hundredth of the level counts as the spread.
    assert float(normaliser(torch.tensor(3.03))) == pytest.approx(0.1, rel=1e-3)


def test_maps_of_zeros_give_finite_values():
    normaliser = MapNormaliser.fit([torch.zeros(1, 2, 2)], seed=0)

    assert normaliser(torch.zeros(1, 2, 2)).tolist() == [[[0, 0], [0, 0]]]


def test_no_validation_map_is_an_error_that_says_what_to_do():
    with pytest.raises(DatasetError, match=r"Found 0 normal validation maps.*Add normal validation images"):
        MapNormaliser.fit([], seed=0)


def test_the_papers_map_averages_the_local_and_the_second_head_map():
    one, two, five = (torch.full((1, 2, 2), value) for value in (1.0, 2.0, 5.0))

    assert float(StudentMaps(one, two, five).average()[0, 0, 0]) == 3
    assert float(StudentMaps(one, None, None).average()[0, 0, 0]) == 1
    assert float(StudentMaps(None, two, None).average()[0, 0, 0]) == 2
