"""Hostile requests are sent byte by byte: a client library would refuse to."""

import contextlib
import json
import socket
from dataclasses import dataclass

from benchmarks.hostile.requests import UNFINISHED, Hostile

SECONDS = 30.0
UNFINISHED_SECONDS = 0.5
"""How long an unfinished request lets the server wait."""
LONGEST_ANSWER = 1 << 20


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        request: To what.
        status: HTTP status, 0 where the connection was closed without an answer.
        body: Body as sent.
    """

    request: Hostile
    status: int
    body: bytes

    @property
    def names_the_problem(self) -> bool:
        """Whether an error is JSON that says what is wrong."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return False
        return isinstance(found, dict) and {"error", "message"} <= set(found)


def send(host: str, port: int, request: Hostile) -> Reply:
    """Send one request on a connection of its own and read the answer.

    Raises:
        TimeoutError: No answer and no end within SECONDS.
    """
    with socket.create_connection((host, port), timeout=SECONDS) as connection:
        answer = b""
        with contextlib.suppress(ConnectionError):
            connection.sendall(request.raw)
            answer = _read(connection, UNFINISHED_SECONDS if request.kind in UNFINISHED else SECONDS)
    head, _, body = answer.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 1"):  # 100 Continue
        head, _, body = body.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return Reply(request, int(words[1]) if len(words) > 1 and words[1].isdigit() else 0, body)


def _read(connection: socket.socket, patience: float) -> bytes:
    """Read to the end; a server that waits for more of the request is told that nothing comes."""
    answer = b""
    connection.settimeout(patience)
    while len(answer) < LONGEST_ANSWER:
        try:
            part = connection.recv(65536)
        except ConnectionError:
            break
        except TimeoutError:
            if patience == SECONDS:
                raise
            patience = SECONDS
            connection.settimeout(patience)
            connection.shutdown(socket.SHUT_WR)
            continue
        if not part:
            break
        answer += part
    return answer
