"""The BentoML service: `bentoml serve csad.serving.service:ScorerService`, or `csad serve MODEL`.

The addresses are a Starlette application mounted at the root, because /score takes an image in three forms and every
failure is our own JSON. One process loads the model; its lanes use all processors (csad.serving.batching).
"""

from __future__ import annotations

import logging
import os
from typing import Any, cast

import bentoml

from csad.common.errors import CsadError
from csad.serving.app import create_app
from csad.serving.boundary import Boundary
from csad.serving.ending import end_server, listen
from csad.serving.settings import ServingSettings

GRACE = 30.0
"""Seconds after the service's own timeout until BentoML gives a request up."""

_log = logging.getLogger(__name__)

# Read when a process starts to compute: more memory arenas would only keep memory from each other.
os.environ.setdefault("MALLOC_ARENA_MAX", "2")

api = create_app()


@bentoml.service(
    name="csad_scorer",
    workers=1,
    traffic={"timeout": ServingSettings.from_environment().timeout + GRACE},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(api, path="/")
class ScorerService:
    """Scores images of one product line."""

    def __init__(self) -> None:
        from csad.serving.runtime import Runtime

        try:
            self.runtime = api.state.runtime = Runtime(ServingSettings.from_environment())
        except Exception as error:
            # Only what a user can put right is told without a stack.
            _log.critical("the service cannot start: %s", error, exc_info=not isinstance(error, CsadError))
            end_server()
            raise

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def prepare() -> None:
        """Let the worker end the server; BentoML calls this in the server's process, before it starts the worker."""
        listen()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    async def close(self) -> None:
        """Finish what runs."""
        await self.runtime.close()


cast("Any", ScorerService).add_asgi_middleware(Boundary, state=api.state)
