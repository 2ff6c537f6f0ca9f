"""Weights in a mirror, and a way to the store that counts what it sends and can break off."""

from __future__ import annotations

import hashlib
import select
import socket
import threading
from dataclasses import dataclass
from dataclasses import replace as with_fields
from pathlib import Path

from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings
from csad.weights.digests import Digests
from csad.weights.mirror import StoreMirror


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def mirror_file(store: ObjectStore, name: str, path: Path) -> str:
    """Put a file into the mirror under a name, whatever had it; its digest."""
    digest = sha256(path.read_bytes())
    StoreMirror(store).renew(name, Digests(published=digest, stored=digest, bytes=path.stat().st_size), path)
    return digest


@dataclass
class Line:
    """Forwards connections to a store.

    Attributes:
        sent: Bytes that the store sent, the heads of its answers included.
        break_after: Bytes after which each connection is cut; None cuts none.
    """

    target: tuple[str, int]
    sent: int = 0
    break_after: int | None = None

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @classmethod
    def to(cls, settings: StoreSettings) -> Line:
        host, _, port = settings.endpoint.partition(":")
        return cls((host, int(port)))

    def settings(self, of: StoreSettings) -> StoreSettings:
        """The same store, reached through this line."""
        return with_fields(of, endpoint=f"127.0.0.1:{self._listener.getsockname()[1]}")

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        passed = 0
        with client, socket.create_connection(self.target) as server:
            while True:
                readable, _, _ = select.select([client, server], [], [], 30)
                if not readable:
                    return
                for one in readable:
                    piece = one.recv(65536)
                    if not piece:
                        return
                    if one is client:
                        server.sendall(piece)
                        continue
                    with self._lock:
                        self.sent += len(piece)
                    passed += len(piece)
                    client.sendall(piece)
                    if self.break_after is not None and passed > self.break_after:
                        return
