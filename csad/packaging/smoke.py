"""The smoke test: the images of smoke.json, sent to a service, must score as they did at evaluation."""

import base64
import binascii
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from csad.common.errors import DeploymentError

SMOKE_FILE = "smoke.json"
TOLERANCE = 0.01
SETTLE_SECONDS = 40.0
"""A Service sends requests to the pods of before for a moment."""

PAUSE = 0.3

_log = logging.getLogger(__name__)


class Channel(Protocol):
    """A way to send requests to a service."""

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> "Answer":
        """Send a request.

        Raises:
            OSError: No connection, or none that lasts.
        """


@dataclass(frozen=True)
class Answer:
    """What a service answered.

    Attributes:
        status: HTTP status code.
        body: Body as it came.
    """

    status: int
    body: bytes


class SmokeFailed(DeploymentError):  # noqa: N818 - named for what happened
    """A service does not answer as the model did at evaluation."""


class SmokeImage(BaseModel):
    """One image and what its model said of it."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="For messages.")
    png: str = Field(description="The file, in base64.")
    score: float = Field(description="At evaluation.")
    anomalous: bool | None = Field(default=None, description="The decision; null compares the score only.")


class SmokeTest(BaseModel):
    """The content of smoke.json."""

    model_config = ConfigDict(frozen=True)

    tolerance: float = Field(default=TOLERANCE, gt=0, description="Allowed difference, per 1.0 of a score above 1.")
    images: tuple[SmokeImage, ...] = Field(min_length=1, description="A few, of different kinds.")

    @classmethod
    def parse(cls, data: bytes, source: str) -> "SmokeTest":
        """Read a smoke.json.

        Raises:
            SmokeFailed: It is damaged.
        """
        try:
            test = cls.model_validate_json(data)
            for image in test.images:
                base64.b64decode(image.png, validate=True)
        except (ValidationError, binascii.Error) as error:
            found = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise SmokeFailed(f"{SMOKE_FILE} of {source} cannot be used: {found}; run packaging again") from None
        return test

    def run(self, channel: Channel, version: str, token: str = "", rounds: int = 2) -> None:
        """Send every image and compare.

        Args:
            channel: To the service.
            version: That must answer; until it does, for a moment, the pods of before may.
            token: Token of the service; empty where it asks for none.
            rounds: How often; a service of several pods answers from different ones.

        Raises:
            SmokeFailed: Another version, another score, another decision, or no answer.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        for image in (*self.images,) * rounds:
            while True:
                answer = _ask(channel, image, token, deadline)
                if answer.version == version:
                    break
                if time.monotonic() > deadline:
                    raise SmokeFailed(
                        f"the service answers with version {answer.version}, expected {version}; "
                        "somebody else may have changed its Deployment or Service"
                    )
                time.sleep(PAUSE)
            self._compare(image, answer)
        _log.info("%d images score as at evaluation", len(self.images))

    def _compare(self, image: SmokeImage, answer: "_Score") -> None:
        allowed = self.tolerance * max(1.0, abs(image.score))
        difference = abs(answer.score - image.score)
        if not difference <= allowed:
            raise SmokeFailed(
                f"the smoke test fails: image {image.name} scores {answer.score:.4g}, expected {image.score:.4g} as at "
                f"evaluation (within {allowed:.2g}); the image of the service or its hardware computes something else"
            )
        sure = image.anomalous is not None and abs(answer.score - answer.threshold) > allowed
        if sure and answer.anomalous != image.anomalous:
            raise SmokeFailed(
                f"the smoke test fails: image {image.name} is {_decision(answer.anomalous)}, expected "
                f"{_decision(bool(image.anomalous))} as at evaluation; its threshold is {answer.threshold:.4g}"
            )


@dataclass(frozen=True)
class _Score:
    score: float
    threshold: float
    anomalous: bool
    version: str


def _ask(channel: Channel, image: SmokeImage, token: str, deadline: float) -> _Score:
    headers = {"Content-Type": "image/png"} | ({"Authorization": f"Bearer {token}"} if token else {})
    while True:
        try:
            answer = channel.post("/score", base64.b64decode(image.png), headers)
        except OSError as error:
            found = f"no answer ({error})"
        else:
            if answer.status == 200:
                return _score(answer.body)
            found = f"status {answer.status}: {answer.body[:200].decode(errors='replace')}"
            if answer.status in (401, 403):
                raise SmokeFailed(f"the service refuses the smoke test: {found}; set CSAD_TOKEN to the service's token")
        if time.monotonic() > deadline:
            raise SmokeFailed(f"the smoke test fails: {found} to image {image.name}, expected a score")
        time.sleep(PAUSE)


def _score(body: bytes) -> _Score:
    try:
        content = json.loads(body)
        return _Score(
            float(content["score"]),
            float(content["threshold"]),
            bool(content["anomalous"]),
            str(content["model"]["version"]),
        )
    except (ValueError, KeyError, TypeError):
        raise SmokeFailed(
            f"the smoke test fails: the service answers {body[:200].decode(errors='replace')}, expected a score; "
            "is it the image of csad's service?"
        ) from None


def _decision(anomalous: bool) -> str:
    return "rejected" if anomalous else "accepted"
