"""Weights in a mirror, and a way to the store that counts what it sends and can break off."""

from __future__ import annotations

import hashlib
import socket
import time
from dataclasses import replace as with_fields
from pathlib import Path

from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings
from csad.weights.digests import Digests
from csad.weights.mirror import StoreMirror
from tests.store.forwarder import Forwarder


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def mirror_file(store: ObjectStore, name: str, path: Path) -> str:
    """Put a file into the mirror under a name, whatever had it; its digest."""
    digest = sha256(path.read_bytes())
    StoreMirror(store).renew(name, Digests(published=digest, stored=digest, bytes=path.stat().st_size), path)
    return digest


class Line(Forwarder):
    """A way to a store.

    Attributes:
        sent: Bytes that the store sent, the heads of its answers included.
        break_after: Bytes after which each connection is cut; None cuts none.
        pause: Seconds before each piece of an answer is sent on.
    """

    def __init__(self, target: str) -> None:
        self.sent = 0
        self.break_after: int | None = None
        self.pause = 0.0
        super().__init__(target)

    @classmethod
    def to(cls, settings: StoreSettings) -> Line:
        return cls(settings.endpoint)

    def settings(self, of: StoreSettings) -> StoreSettings:
        """The same store, reached through this line."""
        return with_fields(of, endpoint=self.endpoint)

    def answers(self, connection: dict[str, int], piece: bytes, client: socket.socket) -> bool:
        passed = connection["passed"] = connection.get("passed", 0) + len(piece)
        with self._lock:
            self.sent += len(piece)
        time.sleep(self.pause)
        arrived = super().answers(connection, piece, client)
        return arrived and (self.break_after is None or passed <= self.break_after)
