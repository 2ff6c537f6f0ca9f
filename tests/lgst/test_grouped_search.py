import pytest
import torch

from csad.lgst.grouped_search import GROUP, GroupedSearch
from csad.lgst.memory_bank import MEMORY_LAYERS, MemoryBank
from csad.lgst.normal_distances import NormalDistances


@pytest.mark.parametrize("patches", [1, GROUP - 1, GROUP, 3 * GROUP + 5])
@pytest.mark.parametrize("side", [3, 24])
def test_it_finds_what_the_memory_bank_finds(patches, side):
    generator = torch.Generator().manual_seed(patches)
    pyramid = [torch.randn(2, 4, side * scale, side * scale, generator=generator) for scale in (2, 1)]
    pyramid.append(torch.randn(2, 6, (side + 1) // 2, (side + 1) // 2, generator=generator))
    normal = NormalDistances(torch.rand(patches, generator=generator), 1 + torch.rand(patches, generator=generator))
    bank = MemoryBank(
        MEMORY_LAYERS["neighbourhood"],
        torch.randn(10, generator=generator),
        0.5 + torch.rand(10, generator=generator),
        torch.randn(patches, 10, generator=generator),
        torch.zeros(patches, dtype=torch.int64),
        normal,
    )

    torch.testing.assert_close(
        GroupedSearch(bank).deviation_map(pyramid), bank.deviation_map(pyramid), atol=1e-4, rtol=1e-4
    )


def test_a_bank_that_does_not_know_its_normal_distances_cannot_be_exported():
    bank = MemoryBank(
        MEMORY_LAYERS["local"], torch.zeros(2), torch.ones(2), torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64)
    )

    with pytest.raises(ValueError, match="does not know its normal distances"):
        GroupedSearch(bank)
