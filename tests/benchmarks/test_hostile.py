from benchmarks.hostile import hostile_requests


def test_a_seed_says_which_requests_are_sent():
    first, again = (list(hostile_requests(260, seed=3)) for _ in range(2))

    assert first == again
    assert first != list(hostile_requests(260, seed=4))
    assert len({request.kind for request in first}) == 13
