"""Waits for a run to end, and says how it ended."""

import logging
import time
from collections.abc import Callable

from kfp_client.server import PipelineServerError, Server
from kfp_client.submission import StartedRun

SUCCEEDED = "SUCCEEDED"
ENDED = frozenset({SUCCEEDED, "FAILED", "CANCELED", "SKIPPED"})
EVERY_SECONDS = 5.0
SILENCE_SECONDS = 300.0
"""A server that restarts is waited for as long as this; the run itself continues meanwhile."""

_log = logging.getLogger(__name__)


def wait_for(
    server: Server,
    started: StartedRun,
    minutes: float,
    every: float = EVERY_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return when a run has succeeded.

    Args:
        server: Where it runs.
        started: The run.
        minutes: It may take.
        every: Seconds between two looks.
        clock: Seconds of a clock that only goes forward.

    Raises:
        PipelineServerError: It ended otherwise, takes too long, or the server stays away.
    """
    began = answered = clock()
    before = ""
    while True:
        try:
            state = server.run_state(started.run)
        except PipelineServerError as error:
            if clock() - answered > SILENCE_SECONDS:
                raise
            _log.warning("run %s cannot be looked at, trying again: %s", started.run, error)
        else:
            answered = clock()
            if state != before:
                _log.info("run %s is %s", started.run, state)
            if state == SUCCEEDED:
                return
            if state in ENDED:
                raise PipelineServerError(
                    f"run {started.run} ended {state}; its log says why: open {started.address}, or "
                    f"kubectl logs --all-namespaces --selector pipeline/runid={started.run} --container main"
                )
            before = state
        if clock() - began > 60 * minutes:
            raise PipelineServerError(
                f"run {started.run} is {before or 'not seen'} after {minutes:g} minutes and was left running; "
                f"open {started.address}: a pod that finds no room or no secret waits like that"
            )
        time.sleep(every)
