"""How the tasks of gate and packaging speak: plain lines, and one message when they fail."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from csad.errors import OS_REMEDIES, CsadError


@contextmanager
def ending_with_a_message(task: str) -> Iterator[None]:
    """Write csad's messages as plain lines, and end the process with one message when the block fails.

    Args:
        task: Its name in the pipeline.

    Raises:
        SystemExit: The block failed for a reason that a user can put right; its message is the exit status.
    """
    logger = logging.getLogger("csad")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    except CsadError as error:
        raise SystemExit(f"Error: {task}: {error}") from None
    except OSError as error:
        reason = OS_REMEDIES.get(error.errno or 0, error.strerror or str(error))
        raise SystemExit(f"Error: {task}: {error.filename or 'a file'}: {reason}") from None
