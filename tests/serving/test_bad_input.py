"""Whatever is sent, the answer is JSON that names the problem, and the service continues."""

import io
import re
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psutil
import pytest
from PIL import Image

from benchmarks.hostile import UNFINISHED, hostile_requests, send

HOSTILE = 208
INVALID_HTTP = b"Invalid HTTP request received."
"""The HTTP parser's own answer to what is no HTTP."""


def png(size=(8, 8), mode="RGB"):
    stream = io.BytesIO()
    Image.new(mode, size, 128).save(stream, format="PNG")
    return stream.getvalue()


def claiming(width, height):
    """A PNG whose header claims a size that its data does not have."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b""
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        chunks += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return b"\x89PNG\r\n\x1a\n" + chunks


def floats():
    stream = io.BytesIO()
    Image.new("F", (4, 4)).save(stream, format="TIFF")
    return stream.getvalue()


def noise_jpeg():
    stream = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(stream, format="JPEG")
    return stream.getvalue()


def problem(answer):
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error", "message"}
    assert "Traceback" not in body["message"]
    assert ".py" not in body["message"]
    return answer.status_code, body["error"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"this is text", (415, "not_an_image")),
        (b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", (415, "not_an_image")),
        (b"", (400, "empty_body")),
        (png((200, 200))[:80], (422, "corrupt_image")),
        (noise_jpeg()[:3000], (422, "corrupt_image")),
        (floats(), (422, "corrupt_image")),
        (claiming(400, 300), (413, "too_many_pixels")),
        (claiming(60_000, 60_000), (413, "too_many_pixels")),
        (bytes(1_000_001), (413, "too_many_bytes")),
    ],
    ids=["text", "gif", "empty", "truncated png", "truncated jpeg", "floats", "pixels", "bomb", "bytes"],
)
@pytest.mark.parametrize("path", ["/score", "/explain"])
def test_a_bad_image_is_named(server, path, content, expected):
    answer = server.post(path, data=content, headers={"Content-Type": "image/png"})

    assert problem(answer) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"files": {"photo": png()}}, (400, "wrong_field")),
        ({"files": {"image": ("empty.png", b"")}}, (400, "empty_image")),
        ({"files": [("image", png()), ("image", png())]}, (413, "too_many_images")),
        ({"files": {"image": png()}, "data": {"more": "1"}}, (400, "wrong_field")),
        ({"data": {"image": "text"}}, (415, "unknown_body_type")),
        ({"data": b"--x", "headers": {"Content-Type": "multipart/form-data"}}, (400, "broken_form")),
        ({"data": b"--x--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, (400, "wrong_field")),
        ({"json": {"picture": ""}}, (400, "wrong_json")),
        ({"json": {"image": 5}}, (400, "wrong_json")),
        ({"json": {"image": "%%%"}}, (400, "broken_base64")),
        ({"json": {"image": ""}}, (400, "empty_image")),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, (400, "wrong_json")),
        ({"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, (400, "wrong_json")),
        ({"data": png(), "headers": {"Content-Type": "text/plain"}}, (415, "unknown_body_type")),
        ({"data": png()}, (415, "unknown_body_type")),
        (
            {"data": png(), "headers": {"Content-Type": "image/png", "Content-Encoding": "gzip"}},
            (415, "compressed_body"),
        ),
    ],
)
def test_a_wrong_request_is_named(server, arguments, expected):
    assert problem(server.post("/score", **arguments)) == expected


def test_a_batch_has_its_limits(server):
    too_many = [("images", (f"{index}.png", png())) for index in range(17)]

    assert problem(server.post("/score_batch", files=too_many)) == (413, "too_many_images")
    assert problem(server.post("/score_batch", json={"images": []})) == (400, "wrong_json")
    assert problem(server.post("/score_batch", json={"images": ["AAAA"] * 17})) == (413, "too_many_images")
    assert problem(server.post("/score_batch", data=png(), headers={"Content-Type": "image/png"}))[0] == 415


def test_a_body_without_a_length_is_refused_as_soon_as_it_is_too_large(server):
    def endless():
        for _ in range(40):
            yield bytes(100_000)

    assert problem(server.post("/score", data=endless(), headers={"Content-Type": "image/png"})) == (
        413,
        "too_many_bytes",
    )


def test_unknown_addresses_and_methods_are_json_too(server):
    assert problem(server.get("/nothing")) == (404, "no_such_page")
    answer = server.get("/score")
    assert problem(answer) == (405, "wrong_method")
    assert answer.headers["Allow"] == "POST"
    assert problem(server.post("/livez")) == (405, "wrong_method")


def test_a_client_that_stops_sending_is_let_go(start):
    server = start(CSAD_TIMEOUT="0.5")
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(
            b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 900\r\n\r\nabc"
        )
        answer = b""
        while b"}" not in answer:
            answer += connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"slow_upload" in answer
    # The same limit ends work that takes too long: opening a batch of this size alone does, on fast machines, too.
    files = [("images", png((1500, 1500)))] * 60
    assert problem(server.post("/score_batch", files=files)) == (504, "timeout")
    # What was given up may still be at work, and then the next request is given up as well.
    assert any(server.post("/score", files={"image": png()}).status_code == 200 for _ in range(20))


def test_overload_is_answered_at_once_with_when_to_come_again(start):
    server = start(CSAD_MAX_REQUESTS="2")
    content = png((1500, 1500))

    def ask(_):
        return server.post("/score", data=content, headers={"Content-Type": "image/png"})

    with ThreadPoolExecutor(12) as clients:
        answers = list(clients.map(ask, range(36)))

    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert problem(refused[0]) == (429, "overloaded")
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert server.post("/score", files={"image": png()}).status_code == 200


def test_bodies_that_are_too_large_together_are_refused_until_one_is_done(start):
    server = start(CSAD_MAX_BYTES="100000", CSAD_TIMEOUT="3")
    address = urlsplit(server.url)
    head = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\n"
    slow = [socket.create_connection((address.hostname, address.port), timeout=20) for _ in range(4)]
    try:
        for connection in slow:
            connection.sendall(head + bytes(50_000))
        until = time.monotonic() + 2
        while (refused := server.post("/score", data=png(), headers={"Content-Type": "image/png"})).status_code == 200:
            assert time.monotonic() < until
    finally:
        for connection in slow:
            connection.close()

    assert problem(refused) == (429, "overloaded")
    assert int(refused.headers["Retry-After"]) >= 1
    until = time.monotonic() + 20
    while server.post("/score", data=png(), headers={"Content-Type": "image/png"}).status_code != 200:
        assert time.monotonic() < until


def test_a_batch_that_would_not_fit_the_queue_is_refused_whole(start):
    server = start(CSAD_MAX_WAITING="2")

    assert problem(server.post("/score_batch", files=[("images", png())] * 3)) == (429, "overloaded")
    assert server.post("/score_batch", files=[("images", png())] * 2).status_code == 200


def test_a_token_is_asked_for_where_images_and_models_are(start):
    server = start(CSAD_TOKEN="sesame")
    image = {"files": {"image": png()}}

    for path in ("/score", "/explain", "/score_batch"):
        assert problem(server.post(path, **image)) == (401, "wrong_token")
    assert problem(server.get("/model")) == (401, "wrong_token")
    assert server.get("/schema.json").status_code == 401
    for header in ("Bearer wrong", "Bearer sesame2", "Bearer", "sesame", "Basic sesame", "Bearer \xff"):
        refused = server.post("/score", headers={"Authorization": header.encode("latin-1")}, **image)
        assert problem(refused) == (401, "wrong_token")
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert server.post("/score", headers={"Authorization": "Bearer sesame"}, **image).status_code == 200
    assert server.get("/model", headers={"Authorization": "bearer sesame"}).status_code == 200
    for path in ("/", "/livez", "/readyz", "/metrics", "/docs.json"):
        assert server.get(path).status_code == 200
    assert server.get("/docs.json").json()["paths"]["/score"]["post"]["security"] == [{"token": []}]
    assert "sesame" not in server.log.read_text()


def test_hostile_requests_neither_fail_nor_stop_the_service(server, good):
    address = urlsplit(server.url)
    worker = max(psutil.Process(server.process.pid).children(recursive=True), key=lambda child: child.memory_info().rss)

    replies = [send(address.hostname, address.port, request) for request in hostile_requests(HOSTILE)]

    assert [(reply.request.kind, reply.status) for reply in replies if reply.status >= 500] == []
    silent = [reply.request.kind for reply in replies if reply.status == 0]
    # Only what is not a whole HTTP request may go without an answer.
    assert set(silent) <= UNFINISHED
    unnamed = [reply for reply in replies if reply.status >= 400 and not reply.names_the_problem]
    assert [reply.request.raw[:200] for reply in unnamed if INVALID_HTTP not in reply.body and reply.body] == []
    assert worker.is_running()
    assert server.post("/score", files={"image": good.open("rb")}).status_code == 200
    assert "Traceback" not in server.log.read_text()


def test_clients_that_leave_early_leave_nothing_behind(server, good):
    """Requests that are broken off at every stage do not keep a place: the service admits as many as before."""
    address = urlsplit(server.url)
    body = good.read_bytes()
    head = f"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    def leave(sent):
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall((head + body)[:sent])

    threads = [threading.Thread(target=leave, args=(sent,)) for sent in [len(head) + 100, len(head + body)] * 40]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until = time.monotonic() + 30
    while (answer := server.post("/score", files={"image": good.open("rb")})).status_code == 429:
        assert time.monotonic() < until
        time.sleep(0.2)

    assert answer.status_code == 200
    assert re.search(r'csad_requests_total\{path="/score",status="200"\}', server.get("/metrics").text)
