"""What this process is like while a pipeline runs here."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def variables_set(variables: dict[str, str]) -> Iterator[None]:
    """Have variables in the environment, for the tasks; afterwards it is as it was."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def quiet_runner() -> Iterator[None]:
    """Keep the local runner's own messages back; the tasks are other processes."""
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*non-Python base image.*", category=RuntimeWarning)
            yield
    finally:
        logging.disable(logging.NOTSET)
