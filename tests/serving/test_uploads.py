"""Bodies are read within the bounds of one request and of all of them."""

import asyncio
from contextlib import ExitStack

import pytest
from starlette.requests import Request

from csad.serving.body_budget import BodyBudget
from csad.serving.problems import Problem
from csad.serving.uploads import read_body

MOST = 10


def request(*chunks, length=None):
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages[-1]["more_body"] = False
    headers = [] if length is None else [(b"content-length", str(length).encode())]

    async def receive():
        return messages.pop(0)

    return Request({"type": "http", "headers": headers}, receive)


def read(request, reservation):
    return asyncio.run(read_body(request, MOST, 5, reservation))


def refused(request, reservation):
    with pytest.raises(Problem) as problem:
        read(request, reservation)
    return problem.value


def test_the_largest_body_is_always_possible_when_nothing_else_is_held():
    budget = BodyBudget(MOST)
    for _ in range(3):
        with budget.reserve() as reservation:
            assert read(request(b"12345", b"67890", length=MOST), reservation) == b"1234567890"


def test_a_body_that_is_announced_is_refused_before_it_is_read_when_others_hold_too_much():
    budget = BodyBudget(2 * MOST)
    with ExitStack() as held:
        for _ in range(2):
            read(request(bytes(MOST), length=MOST), held.enter_context(budget.reserve()))
        with budget.reserve() as reservation:
            third = request(b"not read", length=1)
            problem = refused(third, reservation)
            assert asyncio.run(third.receive())["body"] == b"not read"
    with budget.reserve() as reservation:
        assert read(request(b"now", length=3), reservation) == b"now"

    assert (problem.status, problem.body.error) == (429, "overloaded")
    assert int(problem.headers["Retry-After"]) >= 1
    assert "other requests hold 20 bytes of 20" in problem.body.message


def test_a_body_without_a_length_is_counted_as_it_comes():
    budget = BodyBudget(MOST)
    with budget.reserve() as first:
        read(request(b"12345", b"678"), first)
        with budget.reserve() as second:
            assert refused(request(b"12", b"3"), second).status == 429
        with budget.reserve() as third:
            assert read(request(b"1", b"2"), third) == b"12"


def test_bytes_are_counted_once_whether_announced_or_come():
    budget = BodyBudget(MOST)
    with budget.reserve() as reservation:
        read(request(b"12345", b"67", length=7), reservation)
        assert reservation.held == 7
