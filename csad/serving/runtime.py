"""One service's parts and the path of an image through them: decode, wait, score."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csad.compute.cpu import usable_cpus
from csad.serving.batching import Batcher
from csad.serving.body_budget import BodyBudget
from csad.serving.decoding import Decoder
from csad.serving.measurements import Measurements
from csad.serving.model import ServedModel
from csad.serving.problems import Problem, internal, overloaded, timed_out
from csad.serving.schemas import BatchItem, ScoreAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from csad.imaging.heat import HeatScale
    from csad.scoring.scorer import Score
    from csad.serving.body_budget import BodyReservation
    from csad.serving.settings import ServingSettings
    from csad.serving.uploads import Upload

OVERLAY_SIDE = 1024
"""Longer side of an overlay at most, in pixels."""

LARGEST_BODIES = 4
"""Bodies of the largest size that may be held at the same time; of smaller ones as many more."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """A scored image.

    Attributes:
        score: What the model says.
        seconds: Duration of each phase: decode, queue, score.
    """

    score: Score
    seconds: dict[str, float]

    @property
    def timing(self) -> str:
        """The phases as a Server-Timing header, milliseconds."""
        return ", ".join(f"{phase};dur={1000 * seconds:.2f}" for phase, seconds in self.seconds.items())


class Runtime:
    """Everything that answers requests.

    Attributes:
        settings: Limits.
        model: The loaded model.
        measurements: Its metrics.
        decoder: Threads that decode.
        batcher: What scores.
    """

    def __init__(self, settings: ServingSettings) -> None:
        """Load the model.

        Raises:
            ModelFolderError: It cannot be loaded.
            DeviceError: The device to load it on is not there.
        """
        self.settings = settings
        self.model = ServedModel(settings)
        self.measurements = Measurements(self.model)
        max_pixels = min(settings.max_pixels, self.model.max_pixels)
        self.decoder = Decoder(usable_cpus(), max_pixels, settings.timeout)
        self.batcher = Batcher(self.model.score_images, self.model.lanes, self.model.max_batch, settings.max_waiting)
        self._bodies = BodyBudget(LARGEST_BODIES * settings.max_bytes)
        self._requests = 0

    async def close(self) -> None:
        """Finish what runs."""
        await self.batcher.close()
        self.decoder.close()

    @contextmanager
    def admitted(self) -> Iterator[BodyReservation]:
        """Take in a request with images for the length of the block; its body's bytes are counted in what is given.

        Raises:
            Problem: 429 when there are too many.
        """
        if self._requests >= self.settings.max_requests:
            raise overloaded(f"{self._requests} requests are being answered", self.batcher.seconds_until_idle())
        self.batcher.check_room()
        self._requests += 1
        try:
            with self._bodies.reserve() as reservation:
                yield reservation
        finally:
            self._requests -= 1

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Give up the block after the time allowed.

        Raises:
            Problem: 504.
        """
        try:
            async with asyncio.timeout(self.settings.timeout):
                yield
        except TimeoutError:
            raise timed_out(self.settings.timeout) from None

    async def score(self, upload: Upload) -> Outcome:
        """Decode and score one image.

        Raises:
            Problem: What is wrong with the image, or that there is no room.
        """
        began = time.perf_counter()
        async with self.decoder.decoded(upload) as image:
            return await self._score(image, time.perf_counter() - began)

    async def explain(self, upload: Upload) -> tuple[Outcome, bytes]:
        """Decode and score one image, and draw where it is unusual, as a PNG.

        Raises:
            Problem: Same as for `score`.
        """
        began = time.perf_counter()
        async with self.decoder.decoded(upload) as image:
            outcome = await self._score(image, time.perf_counter() - began)
            scale = self.model.heat_scale
            return outcome, await self.decoder.in_thread(lambda: draw_overlay(image, outcome.score.map, scale))

    async def score_each(self, uploads: Sequence[Upload]) -> tuple[BatchItem, ...]:
        """Score several images; what is wrong with one stays with that one.

        Few are in work at the same time, so that a large batch neither fills the memory nor the queue.

        Raises:
            Problem: 504 when they take too long.
        """
        room = asyncio.Semaphore(2 * self.model.lanes * self.model.max_batch)

        async def item(upload: Upload) -> BatchItem:
            async with room:
                try:
                    outcome = await self.score(upload)
                except Problem as found:
                    problem = found
                except Exception:
                    _log.exception("an image of a batch failed")
                    problem = internal()
                else:
                    return BatchItem(name=upload.name, result=ScoreAnswer.of(outcome.score, self.model.name))
            self.measurements.refused(problem.body.error)
            return BatchItem(name=upload.name, error=problem.body)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(item(upload)) for upload in uploads]
        return tuple(task.result() for task in tasks)

    async def _score(self, image: NDArray[np.uint8], decoding: float) -> Outcome:
        scored = await self.batcher.score(image)
        seconds = {"decode": decoding, "queue": scored.queue, "score": scored.seconds}
        for phase, duration in seconds.items():
            self.measurements.observe(phase, duration)
        self.measurements.decided(scored.score, scored.batch)
        return Outcome(scored.score, seconds)


def draw_overlay(image: NDArray[np.uint8], heat: NDArray[np.float32], scale: HeatScale) -> bytes:
    """Draw an image's anomaly map, float32 (H, W), over it, at most OVERLAY_SIDE pixels long, as a PNG."""
    import numpy as np
    from PIL import Image

    from csad.imaging.heat import draw_heat

    # Drawing takes about a hundred bytes per pixel: a large image is made small first, not last.
    small = Image.fromarray(image)
    small.thumbnail((OVERLAY_SIDE, OVERLAY_SIDE), Image.Resampling.LANCZOS)
    small_heat = Image.fromarray(heat).resize(small.size, Image.Resampling.BOX)
    stream = io.BytesIO()
    overlay = Image.fromarray(draw_heat(np.asarray(small), np.asarray(small_heat), scale))
    overlay.save(stream, format="PNG", compress_level=3)
    return stream.getvalue()
