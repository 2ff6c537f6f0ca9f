"""How a worker that cannot start ends the server around it, with an exit code that says so.

BentoML's supervisor starts a failed worker again and again, and exits with 0 whenever it is asked to end.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from pathlib import Path
from types import FrameType

WORKER = ("_bentoml_impl", "worker", "service.py")
"""The script of BentoML that a worker runs; elsewhere the parent process is not BentoML's."""

FAILED = getattr(signal, "SIGUSR1", signal.SIGTERM)
"""What a worker tells its supervisor; Windows has one signal only, and a process that it ends has failed."""


def listen() -> None:
    """Let workers end this process, the supervisor; called before there are any."""
    if FAILED != signal.SIGTERM:
        signal.signal(FAILED, _end)


def end_server() -> None:
    """End the supervisor of this worker; elsewhere than in a worker, nothing."""
    if Path(sys.argv[0]).parts[-3:] == WORKER:
        os.kill(os.getppid(), FAILED)


def _end(number: int, frame: FrameType | None) -> None:
    atexit.register(_fail)
    signal.raise_signal(signal.SIGTERM)  # the supervisor's own way to end tidies up


def _fail() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)  # the only way to another exit code from here
