import torch

from csad.lgst.copies import COPIES, LIGHT, REACH, copy_of


def copies_of(canvases, seed=0, count=COPIES):
    generator = torch.Generator().manual_seed(seed)
    return [copy_of(canvases, generator) for _ in range(count)]


def test_copies_moved_by_a_few_pixels_and_are_lit_otherwise():
    canvas = torch.zeros(1, 3, 64, 64)
    canvas[:, :, 30, 40] = 0.5

    copies = copies_of(canvas)

    for copy in copies:
        (place,) = copy[0, 0].nonzero().tolist()
        assert max(abs(place[0] - 30), abs(place[1] - 40)) <= REACH
        assert 0 < abs(float(copy.max()) / 0.5 - 1) <= 3 * LIGHT
    assert not all(copy[0, 0, 30, 40] for copy in copies)


def test_what_a_move_uncovers_repeats_the_border(monkeypatch):
    monkeypatch.setattr("csad.lgst.copies.LIGHT", 0)
    rows = torch.arange(32.0).view(1, 1, 32, 1).expand(4, 3, 32, 32) / 32

    for copy in copies_of(rows, seed=3):
        # A row keeps one value, and neighbours differ by 1, or by 0 where the border is repeated.
        assert copy.eq(copy[..., :1]).all()
        assert set((32 * (copy[:, :, 1:] - copy[:, :, :-1])).flatten().tolist()) <= {0.0, 1.0}


def test_the_light_of_a_copy_falls_off_evenly_and_stays_in_range():
    grey = torch.full((8, 3, 33, 33), 0.6)

    for copy in copies_of(grey):
        change = copy / 0.6 - 1
        middle, corners = change[:, :, 16, 16], change[:, :, ::32, ::32]
        assert 0 < middle.abs().max() <= LIGHT
        torch.testing.assert_close(corners.mean(dim=(2, 3)), middle, atol=1e-5, rtol=0)
        # From the middle to the side towards the lamp by a tenth, whichever side that is.
        down, right = (change[:, 0, -1, 16] - middle[:, 0]), (change[:, 0, 16, -1] - middle[:, 0])
        torch.testing.assert_close(torch.hypot(down, right), torch.full((8,), LIGHT), atol=1e-5, rtol=0)
    assert all(copy.max() <= 1 for copy in copies_of(torch.ones(8, 3, 4, 4)))


def test_the_seed_decides_and_canvases_change_on_their_own():
    canvases = torch.rand(1, 3, 32, 32).expand(4, 3, 32, 32)

    first, other = copies_of(canvases, seed=1), copies_of(canvases, seed=2)

    assert all(torch.equal(a, b) for a, b in zip(first, copies_of(canvases, seed=1), strict=True))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0][0], first[0][1])
