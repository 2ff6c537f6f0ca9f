"""A service that fails and a folder that goes away: the watcher loses nothing, waits for nothing, and says so."""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from csad.common.errors import ServingError
from csad.serving.client import ScoringClient
from csad.serving.ledger import Ledger
from csad.serving.watcher import FAILURES, FolderWatcher, Pace

QUICK = Pace(interval=0.01, settle=0, patience=0, retry=0.3, give_up=0.2)
DECISION = {"score": 1.0, "threshold": 2.0, "anomalous": False}


class Service:
    """Answers every image with a decision, but for those that it `fails` at."""

    def __init__(self):
        self.asked = []
        self.fails = {}
        self.seconds = 0.0

    def answer(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.asked.append(body)
        time.sleep(self.seconds)
        status = self.fails.get(body, 200)
        if status:
            handler.send_response(status)
            handler.end_headers()
            handler.wfile.write(json.dumps(DECISION if status == 200 else {"message": "a fault"}).encode())


@pytest.fixture
def service():
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            found.answer(self)

        def log_message(self, *arguments):
            """Keep the tests' output short."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "camera"
    found.mkdir()
    for index, name in enumerate(("a.png", "b.png", "c.png")):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(found / name)
    return found


@pytest.fixture
def watcher(folder, tmp_path):
    """Make a watcher of the folder; the names that it recorded."""
    ledger = Ledger(tmp_path / "results.jsonl")

    def make(url, pace=QUICK):
        recorded = []
        client = ScoringClient(url)
        return FolderWatcher(folder, client, ledger, pace, lambda file, result: recorded.append(file)), recorded

    with ledger:
        yield make


@pytest.mark.parametrize("status", [500, 504, 0], ids=["500", "504", "no answer"])
def test_an_image_at_which_the_service_fails_lets_the_others_pass_and_is_tried_again(
    service, folder, watcher, caplog, status
):
    unlucky = (folder / "a.png").read_bytes()
    service.fails[unlucky] = status
    watching, recorded = watcher(service.url)

    assert watching.look() == 1
    assert recorded == ["b.png", "c.png"]
    assert service.asked.count(unlucky) == FAILURES
    assert f"a.png {FAILURES} times; others come first" in caplog.text
    # Not before its time; then once, and it is recorded as soon as the service can.
    assert watching.look() == 1
    assert service.asked.count(unlucky) == FAILURES
    time.sleep(QUICK.retry)
    assert watching.look() == 1
    assert service.asked.count(unlucky) == FAILURES + 1
    del service.fails[unlucky]
    time.sleep(QUICK.retry)
    assert watching.look() == 0
    assert recorded == ["b.png", "c.png", "a.png"]


def test_once_ends_although_the_service_is_away_and_says_how_many_are_left(watcher, unused_port):
    watching, recorded = watcher(f"http://127.0.0.1:{unused_port}")

    with pytest.raises(ServingError, match=r"3 files are left .*: .* does not answer"):
        watching.run_once()
    assert recorded == []


def test_once_ends_although_the_service_fails_at_an_image(service, folder, watcher):
    service.fails[(folder / "b.png").read_bytes()] = 500
    watching, recorded = watcher(service.url)

    with pytest.raises(ServingError, match=r"1 files are left .*: .* answers 500: a fault"):
        watching.run_once()
    assert recorded == ["a.png", "c.png"]


def test_once_goes_on_as_long_as_there_are_results(service, watcher):
    service.seconds = 0.5
    watching, recorded = watcher(service.url, Pace(interval=0.01, settle=0, patience=0, give_up=1.2))

    watching.run_once()

    assert recorded == ["a.png", "b.png", "c.png"]


def test_a_folder_that_goes_away_is_told_once_and_told_again_when_it_is_back(service, folder, watcher, caplog):
    caplog.set_level("INFO", "csad")
    away = folder.rename(folder.with_name("unmounted"))
    watching, recorded = watcher(service.url)

    assert [watching.look(), watching.look()] == [0, 0]
    assert caplog.text.count(f"{folder} cannot be listed: No such file or directory") == 1
    away.rename(folder)
    assert [watching.look(), watching.look()] == [0, 0]
    assert caplog.text.count("can be listed again") == 1
    assert recorded == ["a.png", "b.png", "c.png"]


def test_once_fails_when_the_folder_went_away(service, folder, watcher):
    folder.rename(folder.with_name("unmounted"))
    watching, _ = watcher(service.url)

    with pytest.raises(ServingError, match=f"{folder} cannot be listed"):
        watching.run_once()


def test_a_folder_inside_that_cannot_be_listed_does_not_hide_the_others(service, folder, watcher, monkeypatch):
    (folder / "locked").mkdir()
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    watching, recorded = watcher(service.url)

    with pytest.raises(ServingError, match="locked cannot be listed: Permission denied"):
        watching.run_once()
    assert recorded == ["a.png", "b.png", "c.png"]
