"""A way to the server on which answers get lost, as on a real network."""

import socket
from collections.abc import Callable

from tests.store.forwarder import Forwarder


class Proxy(Forwarder):
    """`loses(request)` says whether the answer to a request is dropped with its connection."""

    def __init__(self, target: str, loses: Callable[[bytes], bool]) -> None:
        self._loses = loses
        self.lost = 0
        super().__init__(target)

    def asked(self, connection: dict[str, int], piece: bytes) -> None:
        connection["losing"] = connection.get("losing", 0) or self._loses(piece)

    def answers(self, connection: dict[str, int], piece: bytes, client: socket.socket) -> bool:
        if connection.get("losing"):
            self.lost += 1
            return False
        return super().answers(connection, piece, client)
