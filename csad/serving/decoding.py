"""Encoded images to pixels, in threads, with a bound on the pixels that are held at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from csad.common.errors import ImageError
from csad.serving.problems import of_image, overloaded

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from csad.serving.uploads import Upload

T = TypeVar("T")


class PixelBudget:
    """Pixels that may be held decoded at the same time; whoever wants more waits for others to finish."""

    def __init__(self, pixels: int) -> None:
        self._free = pixels
        self._changed = threading.Condition()

    def take(self, pixels: int, timeout: float) -> bool:
        """Reserve pixels, waiting at most `timeout` seconds; False when there was no room until then."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free >= pixels, timeout):
                return False
            self._free -= pixels
            return True

    def give_back(self, pixels: int) -> None:
        """End a reservation."""
        with self._changed:
            self._free += pixels
            self._changed.notify_all()


@dataclass(frozen=True)
class _Decoded:
    image: NDArray[np.uint8]
    pixels: int


class Decoder:
    """Decodes images.

    Args:
        threads: Images at a time; as many more do other work on pixels.
        max_pixels: Larger images are refused from their header.
        timeout: Seconds that an image waits for room.
    """

    def __init__(self, threads: int, max_pixels: int, timeout: float) -> None:
        self._max_pixels = max_pixels
        self._timeout = timeout
        self._budget = PixelBudget(2 * max_pixels)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        # Threads that decode wait for pixels, and whoever holds those waits for this work: it needs its own threads.
        self._drawing = ThreadPoolExecutor(threads, thread_name_prefix="draw")

    @asynccontextmanager
    async def decoded(self, upload: Upload) -> AsyncIterator[NDArray[np.uint8]]:
        """Decode an image and hold it for the length of the block, uint8 (H, W, 3).

        Raises:
            Problem: What is wrong with the image, or 429 when there is no room for it.
        """
        if not isinstance(upload.content, bytes):
            raise upload.content
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._decode, upload.name, upload.content)
        try:
            found = await asyncio.shield(future)
        except asyncio.CancelledError:
            # A thread cannot be stopped: what it reserves is given back when it is done.
            future.add_done_callback(self._abandon)
            raise
        try:
            yield found.image
        finally:
            self._budget.give_back(found.pixels)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run other work on pixels that are held, in threads that never wait for pixels."""
        return await asyncio.get_running_loop().run_in_executor(self._drawing, function)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._drawing.shutdown(wait=False, cancel_futures=True)

    def _decode(self, name: str, content: bytes) -> _Decoded:
        from csad.images.reading import load, open_image, to_rgb

        try:
            header = open_image(content, name, self._max_pixels)
            pixels = header.width * header.height
            if not self._budget.take(pixels, self._timeout):
                raise overloaded(f"{name}: no memory for {pixels:,} pixels became free", 5)
            try:
                return _Decoded(to_rgb(load(header, name), name), pixels)
            except BaseException:
                self._budget.give_back(pixels)
                raise
        except ImageError as error:
            raise of_image(error) from None

    def _abandon(self, future: asyncio.Future[_Decoded]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._budget.give_back(future.result().pixels)
