"""The images that a packaged model must score as it did at evaluation, and the service that is asked."""

import base64
import http.client
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from csad.common.errors import DeploymentError
from csad.evaluation.figures import ImageRecord
from csad.images import ImageFile, ImageSet, read_rgb
from csad.packaging.bento import bentoml_environment
from csad.packaging.fetch_archive import extract
from csad.packaging.smoke import Answer, SmokeImage, SmokeTest
from csad.scoring.scorer import Scorer
from csad.store.embedded import SUPERVISOR

SAME_HERE = 1e-4
"""Difference of a score over HTTP on the same machine, per 1.0 of a score above 1."""

SAME_ELSEWHERE = 0.01
"""The same between machines, such as the evaluation's GPU and this one."""

IMAGES = 4
START_SECONDS = 180.0
STOP_SECONDS = 20.0
REQUEST_SECONDS = 120.0
LOCAL = "127.0.0.1"
VERSION = "packaging"
"""What the service under test calls its model."""

LOG_CHARACTERS = 600

Pixels = NDArray[np.uint8]


def choose_images(images: ImageSet) -> tuple[ImageFile, ...]:
    """Choose a few images: the first of every kind of the test, else of validation, good ones first."""
    files = images.test or images.validation or images.train
    by_kind: dict[str, list[ImageFile]] = {}
    for file in sorted(files, key=lambda file: (file.kind != "good", file.key)):
        by_kind.setdefault(file.kind, []).append(file)
    in_turns = [file for round_ in range(IMAGES) for kind in by_kind.values() for file in kind[round_ : round_ + 1]]
    return tuple(in_turns[:IMAGES])


def smoke_test_of(scorer: Scorer, files: Sequence[ImageFile], known: Sequence[ImageRecord] = ()) -> SmokeTest:
    """Score images by the evaluation's path.

    Args:
        scorer: The packaged model.
        files: Images of its line.
        known: Their scores at evaluation, where there are any.

    Raises:
        DeploymentError: The model scores an image differently than at its evaluation.
        ImageError: A file cannot be read.
    """
    before = {record.key: record.score for record in known}
    found = []
    for file in files:
        image = _smoke_image(scorer, file.key, read_rgb(file.path, scorer.line.images.max_pixels))
        expected = before.get(file.key, image.score)
        if abs(image.score - expected) > SAME_ELSEWHERE * max(1.0, abs(expected)):
            raise DeploymentError(
                f"{file.key} scored {expected:.4g} at the evaluation and scores {image.score:.4g} now; "
                "the evaluation is not of this model: run it again"
            )
        found.append(image)
    return SmokeTest(images=tuple(found))


def drawn_smoke_test(scorer: Scorer) -> SmokeTest:
    """A test for a model without images at hand: a gradient and noise, scored by the model."""
    canvas = scorer.manifest.canvas
    gradient = np.broadcast_to(
        np.linspace(0, 255, canvas.width)[None, :, None], (canvas.height, canvas.width, 3)
    ).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, gradient.shape, dtype=np.uint8)
    drawings = {"drawn/gradient": gradient, "drawn/noise": noise}
    return SmokeTest(images=tuple(_smoke_image(scorer, name, image) for name, image in drawings.items()))


def check_archive(archive: Path, test: SmokeTest, work: Path) -> None:
    """Serve an archive's Bento over HTTP and compare its scores.

    Args:
        archive: The .tar.gz, as it will be registered.
        test: Images and their scores.
        work: Empty folder to work in.

    Raises:
        DeploymentError: The service does not start, or scores differently.
        OSError: The disk is full or refuses.
    """
    bento = work / "unpacked"
    bento.mkdir(parents=True)
    extract(archive, bento)
    strict = test.model_copy(update={"tolerance": SAME_HERE})
    with _served(bento, work) as channel:
        strict.run(channel, VERSION, rounds=1)


class _LocalChannel:
    """Requests to a service on this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return self._send("POST", path, body, headers)

    def ready(self) -> bool:
        try:
            return self._send("GET", "/readyz", b"", {}).status == http.HTTPStatus.OK
        except OSError:
            return False

    def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection(LOCAL, self.port, timeout=REQUEST_SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except http.client.HTTPException as error:
            raise ConnectionError(f"the connection broke ({type(error).__name__})") from None
        finally:
            connection.close()


@contextmanager
def _served(bento: Path, work: Path) -> Iterator[_LocalChannel]:
    """Serve a Bento for the length of the block; it stops as well when this process is killed."""
    channel, log = _LocalChannel(_free_port()), work / "service.log"
    command = [sys.executable, "-m", "bentoml", "serve", str(bento), "--host", LOCAL, "--port", str(channel.port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", SUPERVISOR, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=work,
            env=bentoml_environment(work / "home", {"CSAD_MODEL_VERSION": VERSION}),
            start_new_session=True,
        )
    try:
        _wait(channel, process, log)
        yield channel
    finally:
        _stop(process)


def _wait(channel: _LocalChannel, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not channel.ready():
        if process.poll() is not None or time.monotonic() > deadline:
            words = " ".join(log.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS:].split())
            found = "ends at once" if process.poll() is not None else f"is not ready after {START_SECONDS:.0f} s"
            raise DeploymentError(f"the service of the new Bento {found}; its last words: {words or 'none'}")
        time.sleep(0.2)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((LOCAL, 0))
        return int(found.getsockname()[1])


def _smoke_image(scorer: Scorer, name: str, pixels: Pixels) -> SmokeImage:
    score = scorer.score(pixels)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return SmokeImage(
        name=name,
        png=base64.b64encode(stream.getvalue()).decode("ascii"),
        score=round(score.value, 6),
        anomalous=score.anomalous,
    )
