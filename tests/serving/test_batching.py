"""Batches are made of what waits; a fault stays with its image."""

import asyncio
import threading

import numpy as np
import pytest

from csad.serving.batching import Batcher
from csad.serving.problems import Problem

IMAGE = np.zeros((1, 1, 3), np.uint8)


def image(value):
    return np.full((1, 1, 3), value, np.uint8)


class Gate:
    """Scores an image by its value; batches wait until they are let through."""

    def __init__(self, opened=True, refuses=()):
        self.batches = []
        self.busy = []
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()
        self.refuses = refuses
        if opened:
            self.opened.set()

    def __call__(self, images, busy):
        values = [int(each[0, 0, 0]) for each in images]
        self.batches.append(values)
        self.busy.append(busy)
        self.entered.release()
        assert self.opened.wait(10)
        if set(values) & set(self.refuses):
            raise ValueError("cannot score this")
        return values


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 20))


async def until_entered(gate, times=1):
    for _ in range(times):
        await asyncio.to_thread(gate.entered.acquire)


def test_an_image_that_comes_alone_is_scored_alone_and_at_once():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, lanes=2, max_batch=4, max_waiting=9)
        scored = await batcher.score(image(7))
        await batcher.close()
        return scored

    scored = run(scenario())
    assert (scored.score, scored.batch) == (7, 1)
    assert scored.queue < 1
    assert gate.busy == [1]


def test_what_waits_is_scored_together_and_shared_among_the_lanes():
    gate = Gate(opened=False)

    async def scenario():
        batcher = Batcher(gate, lanes=2, max_batch=3, max_waiting=99)
        tasks = [asyncio.create_task(batcher.score(image(value))) for value in range(10)]
        await until_entered(gate, times=2)
        gate.opened.set()
        return [(await task).score for task in tasks]

    assert run(scenario()) == list(range(10))
    assert gate.batches[:2] == [[0], [1]]
    # Eight wait when a lane is free: it takes its three at most, the next lane the same.
    assert sorted(value for batch in gate.batches for value in batch) == list(range(10))
    assert max(len(batch) for batch in gate.batches) == 3


def test_two_lanes_know_of_each_other():
    gate = Gate(opened=False)

    async def scenario():
        batcher = Batcher(gate, lanes=2, max_batch=4, max_waiting=9)
        first = asyncio.create_task(batcher.score(image(1)))
        await until_entered(gate)
        second = asyncio.create_task(batcher.score(image(2)))
        await until_entered(gate)
        gate.opened.set()
        await asyncio.gather(first, second)

    run(scenario())
    assert gate.busy == [1, 2]


def test_an_image_that_cannot_be_scored_harms_no_neighbour():
    gate = Gate(opened=False, refuses={2})

    async def scenario():
        batcher = Batcher(gate, lanes=1, max_batch=8, max_waiting=9)
        tasks = [asyncio.create_task(batcher.score(image(value))) for value in range(4)]
        await until_entered(gate)
        gate.opened.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = run(scenario())
    assert [getattr(each, "score", None) for each in found] == [0, 1, None, 3]
    assert isinstance(found[2], ValueError)
    assert gate.batches == [[0], [1, 2, 3], [1], [2], [3]]


def test_a_request_that_was_given_up_is_not_scored():
    gate = Gate(opened=False)

    async def scenario():
        batcher = Batcher(gate, lanes=1, max_batch=8, max_waiting=9)
        first, second, third = (asyncio.create_task(batcher.score(image(value))) for value in range(3))
        await until_entered(gate)
        second.cancel()
        gate.opened.set()
        await asyncio.gather(first, third)

    run(scenario())
    assert gate.batches == [[0], [2]]


def test_more_than_may_wait_is_refused_with_when_to_come_again():
    gate = Gate(opened=False)

    async def scenario():
        batcher = Batcher(gate, lanes=1, max_batch=8, max_waiting=2)
        tasks = [asyncio.create_task(batcher.score(image(value))) for value in range(3)]
        await until_entered(gate)
        with pytest.raises(Problem) as refused:
            await batcher.score(IMAGE)
        gate.opened.set()
        await asyncio.gather(*tasks)
        await batcher.score(IMAGE)
        return refused.value

    problem = run(scenario())
    assert problem.status == 429
    assert int(problem.headers["Retry-After"]) >= 1


def test_closing_ends_those_who_wait():
    gate = Gate(opened=False)

    async def scenario():
        batcher = Batcher(gate, lanes=1, max_batch=1, max_waiting=9)
        first, second = (asyncio.create_task(batcher.score(image(value))) for value in range(2))
        await until_entered(gate)
        gate.opened.set()
        await asyncio.gather(batcher.close(), first, second, return_exceptions=True)
        return first, second

    first, second = run(scenario())
    assert first.result().score == 0
    assert second.cancelled()
