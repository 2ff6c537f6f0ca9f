import torch

from csad.lgst.shifts import COPIES, REACH, with_shifted_copies


def test_each_batch_is_followed_by_copies_that_moved_by_a_few_pixels():
    canvas = torch.zeros(1, 3, 64, 64)
    canvas[:, :, 30, 40] = 1

    first, *copies = with_shifted_copies([canvas], seed=0)

    assert torch.equal(first, canvas)
    assert len(copies) == COPIES
    for copy in copies:
        (place,) = copy[0, 0].nonzero().tolist()
        assert copy.sum() == 3
        assert max(abs(place[0] - 30), abs(place[1] - 40)) <= REACH
    assert not all(torch.equal(copy, canvas) for copy in copies)


def test_what_a_move_uncovers_repeats_the_border():
    rows = torch.arange(32.0).view(1, 1, 32, 1).expand(4, 3, 32, 32)

    for copy in list(with_shifted_copies([rows], seed=3))[1:]:
        # A row keeps one value, and neighbours differ by 1, or by 0 where the border is repeated.
        assert copy.eq(copy[..., :1]).all()
        assert set((copy[:, :, 1:] - copy[:, :, :-1]).flatten().tolist()) <= {0.0, 1.0}


def test_the_seed_decides_and_canvases_move_on_their_own():
    canvases = torch.rand(4, 3, 32, 32)

    again, other = list(with_shifted_copies([canvases], seed=1)), list(with_shifted_copies([canvases], seed=2))

    assert all(torch.equal(a, b) for a, b in zip(again, with_shifted_copies([canvases], seed=1), strict=True))
    assert not torch.equal(again[1], other[1])
