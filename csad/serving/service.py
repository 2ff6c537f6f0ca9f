"""The BentoML service: `bentoml serve csad.serving.service:ScorerService`, or `csad serve MODEL`.

The addresses are a Starlette application mounted at the root, because /score takes an image in three forms and every
failure is our own JSON. One process loads the model; its lanes use all processors (csad.serving.batching).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, cast

import bentoml

from csad.errors import CsadError
from csad.serving.app import create_app
from csad.serving.boundary import Boundary
from csad.serving.settings import ServingSettings

GRACE = 30.0
"""Seconds after the service's own timeout until BentoML gives a request up."""

WORKER = ("_bentoml_impl", "worker", "service.py")
"""The script of BentoML that a worker runs; elsewhere the parent process is not BentoML's."""

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
        except CsadError as error:
            _log.critical("the service cannot start: %s", error)
            _end_server()
            raise

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    async def close(self) -> None:
        """Finish what runs."""
        await self.runtime.close()


def _end_server() -> None:
    """End BentoML, which would start the same failing worker again and again and never say that it cannot."""
    if Path(sys.argv[0]).parts[-3:] == WORKER:
        os.kill(os.getppid(), signal.SIGTERM)


cast("Any", ScorerService).add_asgi_middleware(Boundary, state=api.state)
