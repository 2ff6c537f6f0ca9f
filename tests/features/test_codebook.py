import pytest
import torch

from csad.features.codebook import Codebook, fit_codebook


def features_of(centres, grid):
    """Feature maps (1, C, h, w) that hold the centre of each cell."""
    return torch.tensor(centres)[torch.tensor(grid)].permute(2, 0, 1)[None]


CENTRES = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]


def test_a_patch_is_assigned_to_its_centre_and_the_background_stays_empty():
    assignments = Codebook(torch.tensor(CENTRES), temperature=1.0).assign(features_of(CENTRES, [[0, 2], [1, 1]]))

    assert assignments.shape == (1, 4, 2, 2)
    assert assignments[0, 0].eq(0).all()
    assert assignments[0].argmax(dim=0).tolist() == [[1, 3], [2, 2]]
    torch.testing.assert_close(assignments.sum(dim=1), torch.ones(1, 2, 2))


def test_a_patch_between_two_centres_is_assigned_to_both_and_the_temperature_says_how_softly():
    # (4, 0) is 16 from the first centre and 36 from the second; exp(-20 / 20) against 1.
    centres = torch.tensor(CENTRES[:2])

    assignments = Codebook(centres, temperature=20.0).assign(torch.tensor([4.0, 0.0]).view(1, 2, 1, 1))

    assert assignments[0, 2].item() / assignments[0, 1].item() == pytest.approx(torch.tensor(-1.0).exp().item())


def test_the_centres_are_found_again():
    noise = 0.01 * torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    batches = [features_of(CENTRES, [[0, 1, 2]] * 3) + noise[i : i + 1] for i in range(4)]

    codebook = fit_codebook(batches, images=4, size=3, seed=0)

    found = codebook.centres[codebook.centres.sum(dim=1).argsort()]
    assert torch.cdist(torch.tensor(CENTRES), found).amin(dim=1).max() < 0.05


def test_more_centres_than_patches_become_as_many_as_patches():
    codebook = fit_codebook([features_of(CENTRES, [[0, 1]])], images=1, size=64, seed=0)

    assert codebook.centres.shape == (2, 2)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_patches_that_are_all_alike_give_numbers():
    features = torch.ones(2, 2, 3, 3)

    codebook = fit_codebook([features], images=2, size=4, seed=0)

    assert torch.isfinite(codebook.assign(features)).all()


def test_the_same_seed_finds_the_same_centres():
    batch = torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(0))

    one, same = (fit_codebook([batch], images=3, size=5, seed=2) for _ in range(2))

    assert torch.equal(one.centres, same.centres)
    again = Codebook.from_tensors(one.tensors())
    torch.testing.assert_close(again.assign(batch), one.assign(batch))
