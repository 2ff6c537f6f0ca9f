"""Connections to a server by way of a test, which sees each piece and may cut them."""

import select
import socket
import threading


class Forwarder:
    """Forwards connections; `asked` sees what clients send, `answers` may end a connection at what the server sends."""

    def __init__(self, target: str) -> None:
        host, _, port = target.partition(":")
        self._target = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()

    def asked(self, connection: dict[str, int], piece: bytes) -> None:
        """Look at a piece of a request; `connection` keeps what is noted of its connection."""

    def answers(self, connection: dict[str, int], piece: bytes, client: socket.socket) -> bool:
        """Send a piece of an answer on, or not; whether the connection stays."""
        try:
            client.sendall(piece)
        except ConnectionError:  # whoever asked was killed
            return False
        return True

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        connection: dict[str, int] = {}
        with client, socket.create_connection(self._target) as server:
            while True:
                readable, _, _ = select.select([client, server], [], [], 30)
                if not readable:
                    return
                for one in readable:
                    piece = one.recv(65536)
                    if not piece:
                        return
                    if one is client:
                        with self._lock:
                            self.asked(connection, piece)
                        server.sendall(piece)
                    elif not self.answers(connection, piece, client):
                        return
