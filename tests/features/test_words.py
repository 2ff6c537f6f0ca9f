import pytest
import torch

from csad.features.words import Vocabulary, fit_vocabulary


def features_of(words, grid):
    """Feature maps (1, C, h, w) that hold the word of each cell."""
    return torch.tensor(words)[torch.tensor(grid)].permute(2, 0, 1)[None]


WORDS = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]


def test_a_patch_is_its_word_and_the_background_stays_empty():
    shares = Vocabulary(torch.tensor(WORDS), temperature=1.0).assign(features_of(WORDS, [[0, 2], [1, 1]]))

    assert shares.shape == (1, 4, 2, 2)
    assert shares[0, 0].eq(0).all()
    assert shares[0].argmax(dim=0).tolist() == [[1, 3], [2, 2]]
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(1, 2, 2))


def test_a_patch_between_two_words_is_shared_and_the_temperature_says_how_softly():
    # (4, 0) is 16 from the first word and 36 from the second; exp(-20 / 20) against 1.
    words = torch.tensor(WORDS[:2])

    shares = Vocabulary(words, temperature=20.0).assign(torch.tensor([4.0, 0.0]).view(1, 2, 1, 1))

    assert shares[0, 2].item() / shares[0, 1].item() == pytest.approx(torch.tensor(-1.0).exp().item())


def test_the_words_are_found_again():
    noise = 0.01 * torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    batches = [features_of(WORDS, [[0, 1, 2]] * 3) + noise[i : i + 1] for i in range(4)]

    vocabulary = fit_vocabulary(batches, images=4, words=3, seed=0)

    found = vocabulary.words[vocabulary.words.sum(dim=1).argsort()]
    assert torch.cdist(torch.tensor(WORDS), found).amin(dim=1).max() < 0.05


def test_more_words_than_patches_become_as_many_as_patches():
    vocabulary = fit_vocabulary([features_of(WORDS, [[0, 1]])], images=1, words=64, seed=0)

    assert vocabulary.words.shape == (2, 2)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_patches_that_are_all_alike_give_numbers():
    features = torch.ones(2, 2, 3, 3)

    vocabulary = fit_vocabulary([features], images=2, words=4, seed=0)

    assert torch.isfinite(vocabulary.assign(features)).all()


def test_the_same_seed_finds_the_same_words():
    batch = torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(0))

    one, same = (fit_vocabulary([batch], images=3, words=5, seed=2) for _ in range(2))

    assert torch.equal(one.words, same.words)
    again = Vocabulary.from_tensors(one.tensors())
    torch.testing.assert_close(again.assign(batch), one.assign(batch))
