"""Adaptive batching: what waits when the model becomes free is scored together, and nothing waits for company.

A lane is a thread that scores one batch at a time. With few requests a batch is one image and has all processors;
under load the lanes share what waits, each with its part of the processors, which keeps them busier than one
batch on all of them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csad.serving.problems import overloaded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from csad.scoring.scorer import Score

    ScoreImages = Callable[[Sequence[NDArray[np.uint8]], int], list[Score]]
    """Images and the number of busy lanes -> a score for each."""

SMOOTHING = 0.1
"""Weight of the latest batch in the running mean of the time per image."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scored:
    """A score and what it took.

    Attributes:
        score: What the model says.
        queue: Seconds from submission until its batch began.
        seconds: Seconds that its batch took.
        batch: Images in it.
    """

    score: Score
    queue: float
    seconds: float
    batch: int


@dataclass(frozen=True)
class _Waiting:
    image: NDArray[np.uint8]
    since: float
    scored: asyncio.Future[Scored]


class Batcher:
    """Scores images of many requests together.

    Args:
        score_images: Scores a batch; called in a thread of a lane.
        lanes: Batches at a time.
        max_batch: Images in one batch.
        max_waiting: Images that may wait.
    """

    def __init__(self, score_images: ScoreImages, lanes: int, max_batch: int, max_waiting: int) -> None:
        self._score_images = score_images
        self._lanes = lanes
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: deque[_Waiting] = deque()
        self._busy = 0
        self._seconds_per_image = 0.1
        self._threads = ThreadPoolExecutor(lanes, thread_name_prefix="lane")
        self._running: set[asyncio.Task[None]] = set()

    def check_room(self, images: int = 1) -> None:
        """Refuse work that would only wait.

        Raises:
            Problem: 429, with the seconds until there is room.
        """
        if len(self._waiting) + images > self._max_waiting:
            raise overloaded(f"{len(self._waiting)} images wait to be scored", self.seconds_until_idle())

    def seconds_until_idle(self) -> int:
        """Whole seconds that the waiting images will take, at least 1."""
        return max(1, round(len(self._waiting) * self._seconds_per_image))

    async def score(self, image: NDArray[np.uint8]) -> Scored:
        """Score an image with the next batch.

        Raises:
            Problem: 429 when too many wait.
            Exception: Whatever the scorer raises for this image; its neighbours are not touched.
        """
        self.check_room()
        scored: asyncio.Future[Scored] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(image, time.perf_counter(), scored))
        self._start_lanes()
        return await scored

    async def close(self) -> None:
        """Finish what runs, drop what waits."""
        for waiting in self._waiting:
            waiting.scored.cancel()
        self._waiting.clear()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start_lanes(self) -> None:
        while self._waiting and self._busy < self._lanes:
            batch = self._next_batch()
            if not batch:
                return
            self._busy += 1
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _next_batch(self) -> list[_Waiting]:
        """Take this lane's part of what waits; requests that were given up are left out."""
        part = -(-len(self._waiting) // (self._lanes - self._busy))
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < min(part, self._max_batch):
            waiting = self._waiting.popleft()
            if not waiting.scored.done():
                batch.append(waiting)
        return batch

    async def _run(self, batch: list[_Waiting]) -> None:
        try:
            await self._score_batch(batch)
        finally:
            self._busy -= 1
            self._start_lanes()

    async def _score_batch(self, batch: list[_Waiting]) -> None:
        began = time.perf_counter()
        images = [waiting.image for waiting in batch]
        loop = asyncio.get_running_loop()
        try:
            scores = await loop.run_in_executor(self._threads, self._score_images, images, self._busy)
        except Exception as error:
            if len(batch) == 1:
                if not batch[0].scored.done():
                    batch[0].scored.set_exception(error)
                return
            _log.warning("a batch of %d failed (%s); its images are scored one by one", len(batch), error)
            for waiting in batch:
                await self._score_batch([waiting])
            return
        seconds = time.perf_counter() - began
        self._seconds_per_image += SMOOTHING * (seconds / len(batch) / self._lanes - self._seconds_per_image)
        for waiting, score in zip(batch, scores, strict=True):
            if not waiting.scored.done():
                waiting.scored.set_result(Scored(score, began - waiting.since, seconds, len(batch)))
