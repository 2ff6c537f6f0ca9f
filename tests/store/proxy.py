"""A way to the server on which answers get lost, as on a real network."""

import select
import socket
import threading
from collections.abc import Callable


class Proxy:
    """Forwards connections; `loses(request)` says whether the answer to a request is dropped with its connection."""

    def __init__(self, target: str, loses: Callable[[bytes], bool]) -> None:
        host, _, port = target.partition(":")
        self._target = host, int(port)
        self._loses = loses
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        losing = False
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
                            losing = losing or self._loses(piece)
                        server.sendall(piece)
                    elif losing:
                        self.lost += 1
                        return
                    else:
                        client.sendall(piece)
