"""Published files on a real HTTP server that can break off, and a real S3 server."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings
from csad.weights.catalogue import PublishedWeights


@dataclass
class Publisher:
    """Serves the files of a folder with ranges.

    Attributes:
        folder: What is published.
        break_after: Bytes after which each answer breaks off; None sends all.
        requested: Path and first byte of each request.
    """

    folder: Path
    url: str = ""
    break_after: int | None = None
    requested: list[tuple[str, int]] = field(default_factory=list)


def _handler(publisher: Publisher) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = publisher.folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404, "no such file")
                return
            content = path.read_bytes()
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(wanted[1]) if wanted else 0
            publisher.requested.append((self.path, start))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(content) - start))
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            end = len(content) if publisher.break_after is None else min(len(content), start + publisher.break_after)
            self.wfile.write(content[start:end])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    return Handler


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    publisher = Publisher(tmp_path / "published")
    publisher.folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(publisher))
    publisher.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield publisher
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def entry(publisher: Publisher) -> PublishedWeights:
    """A pickled state dict of 4 MB, published."""
    torch.save({"model": {"weight": torch.arange(1_000_000.0), "bias": torch.ones(3)}}, publisher.folder / "tiny.pth")
    return PublishedWeights(
        name="tiny",
        file="tiny.safetensors",
        url=f"{publisher.url}/tiny.pth",
        purpose="tests",
        licence="Apache-2.0",
        megabytes=4,
    )


@pytest.fixture
def store(own_store: StoreSettings) -> ObjectStore:
    """An empty store."""
    return ObjectStore.connect(own_store)
