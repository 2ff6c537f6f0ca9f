"""The terminal during a local run: what the stages say, without the executor's own noise."""

import io
import re
from typing import TextIO

INDENT = "    "
EXECUTOR = "[KFP Executor "
ECHO_STARTS = "Got executor_input:"
RUNNER_MESSAGE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} - [A-Z]+ - ")
RULE = re.compile(r"-{10,}")
FAILURE = "Error: "


class LocalConsole(io.TextIOBase):
    """A standard output that logs every line and shows those that a person reads.

    The message of a failed stage is held back for whoever reports the failure.
    """

    def __init__(self, terminal: TextIO, log: TextIO) -> None:
        self._failure: list[str] = []
        self._terminal = terminal
        self._log = log
        self._rest = ""
        self._inside_echo = False

    def writable(self) -> bool:
        """It is written to."""
        return True

    def write(self, text: str) -> int:
        """Take text; whole lines go on."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._log.write(line + "\n")
            self._log.flush()
            shown = line.removeprefix(INDENT)
            if self._is_for_people(shown):
                self._show(shown)
        return len(text)

    @property
    def failure(self) -> str | None:
        """Why a stage failed, in its own words; None where none has said so."""
        return "\n".join(self._failure).removeprefix(FAILURE) or None

    def flush(self) -> None:
        """Pass on."""
        self._terminal.flush()

    def _show(self, line: str) -> None:
        if self._failure or line.startswith(FAILURE):
            self._failure.append(line)
        else:
            self._terminal.write(line + "\n")
            self._terminal.flush()

    def _is_for_people(self, line: str) -> bool:
        if self._inside_echo:
            self._inside_echo = line != "}"
            return False
        if line.startswith(EXECUTOR):
            self._inside_echo = ECHO_STARTS in line
            return False
        return bool(line.strip()) and not RUNNER_MESSAGE.match(line) and not RULE.fullmatch(line.strip())
