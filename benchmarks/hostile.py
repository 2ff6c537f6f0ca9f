"""Hostile requests: broken HTTP, broken forms, broken JSON and broken images, the same ones for the same seed.

They go to the address given, which is to be a server of one's own on this machine. The number is bounded.
"""

import base64
import contextlib
import io
import json
import random
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

BOUNDARY = "c0ffee"
SECONDS = 30.0
UNFINISHED = frozenset({"wrong_headers", "wrong_line", "wrong_length", "broken_chunks"})
"""Kinds that may leave the server waiting for more, and for how long they let it."""
UNFINISHED_SECONDS = 0.5
LONGEST_ANSWER = 1 << 20


@dataclass(frozen=True)
class Hostile:
    """One request.

    Attributes:
        kind: What is wrong with it.
        raw: The bytes that are sent.
    """

    kind: str
    raw: bytes


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        request: To what.
        status: HTTP status, 0 where the connection was closed without an answer.
        body: As sent.
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


def hostile_requests(count: int, seed: int = 0) -> Iterator[Hostile]:
    """Make requests, kinds in turn."""
    generator = random.Random(seed)
    kinds = (
        _random_bytes,
        _mutated_image,
        _truncated_image,
        _enormous_image,
        _foreign_format,
        _broken_form,
        _wrong_form,
        _broken_json,
        _wrong_json,
        _wrong_headers,
        _wrong_line,
        _wrong_length,
        _broken_chunks,
    )
    for index in range(count):
        make: Callable[[random.Random], bytes] = kinds[index % len(kinds)]
        yield Hostile(make.__name__.strip("_"), make(generator))


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


def _post(path: str, kind: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1", "replace") + body


def _path(generator: random.Random) -> str:
    return generator.choice(("/score", "/score", "/explain", "/score_batch"))


def _picture(generator: random.Random) -> tuple[str, bytes]:
    """A small image of some format."""
    form = generator.choice(("PNG", "JPEG", "BMP", "TIFF", "WEBP"))
    mode = generator.choice(("RGB", "L", "1", "P", "RGBA", "CMYK", "I;16", "F"))
    stream = io.BytesIO()
    image = Image.effect_noise((generator.randint(1, 90), generator.randint(1, 90)), 60)
    try:
        image.convert(mode).save(stream, format=form)
    except (OSError, ValueError):
        stream = io.BytesIO()
        image.convert("RGB").save(stream, format=form)
    return "image/" + form.lower(), stream.getvalue()


def _random_bytes(generator: random.Random) -> bytes:
    kinds = (
        "image/png",
        "application/json",
        "text/html",
        "",
        "multipart/form-data",
        "application/octet-stream",
        "\x00",
    )
    return _post(
        _path(generator), generator.choice(kinds), generator.randbytes(generator.choice((0, 1, 7, 900, 90_000)))
    )


def _mutated_image(generator: random.Random) -> bytes:
    kind, content = _picture(generator)
    mutated = bytearray(content)
    for _ in range(generator.randint(1, 30)):
        mutated[generator.randrange(len(mutated))] = generator.randrange(256)
    return _post(_path(generator), kind, bytes(mutated))


def _truncated_image(generator: random.Random) -> bytes:
    kind, content = _picture(generator)
    return _post(_path(generator), kind, content[: generator.randrange(len(content))])


def _enormous_image(generator: random.Random) -> bytes:
    """A PNG of a few bytes that claims millions of pixels, some of which it even has."""
    width, height = generator.choice(((65535, 65535), (2**31 - 1, 1), (1, 2**31 - 1), (0, 5), (30_000, 30_000)))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, generator.choice((0, 2, 3, 6, 9)), 0, 0, 0)
    data = zlib.compress(bytes(generator.choice((10, 1_000_000))))
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2_000_000))) if generator.random() < 0.5 else b""
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return _post(_path(generator), "image/png", png)


def _foreign_format(generator: random.Random) -> bytes:
    heads = (
        b"GIF89a\x01\x00\x01\x00",
        b"%PDF-1.7",
        b"%!PS-Adobe",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"PK\3\4",
    )
    heads += (b"\0\0\0\x1cftypavif", b"8BPS", b"\x7fELF", b"SIMPLE  =", b"P6 9 9 255 ", b"\x1f\x8b\x08")
    return _post(_path(generator), "image/png", generator.choice(heads) + generator.randbytes(60))


def _part(name: str, filename: str | None, content: bytes) -> bytes:
    file = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode("utf-8", "surrogatepass") + content + b"\r\n"


def _broken_form(generator: random.Random) -> bytes:
    _, content = _picture(generator)
    whole = _part("image", "a.png", content) + f"--{BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    broken = (
        (kind, whole[: generator.randrange(len(whole))]),
        ("multipart/form-data", whole),
        ("multipart/form-data; boundary=", whole),
        ("multipart/form-data; boundary=other", whole),
        (f"multipart/form-data; boundary={'x' * 5000}", whole),
        (kind + "; charset=no-such", whole),
        (kind, whole.replace(b"form-data", b"attachment")),
        (kind, whole.replace(b"\r\n", b"\n")),
        (kind, f"--{BOUNDARY}\r\n".encode() + b"X: " + b"y" * 60_000 + b"\r\n\r\n" + whole),
        (kind, f"--{BOUNDARY}\r\n\r\n".encode() * 50 + whole),
        (kind, whole.replace(b'name="image"', b"name=")),
    )
    return _post(_path(generator), *generator.choice(broken))


def _wrong_form(generator: random.Random) -> bytes:
    _, content = _picture(generator)
    names = ("image", "images", "file", "", "__proto__", "a" * 3000, "\ud800", "im\0age")
    files = ("../../etc/passwd", "a.png", "", None, "x" * 9000, 'q"uote.png', "\u202egnp.exe", "a\0b.png")
    parts = [
        _part(generator.choice(names), generator.choice(files), generator.choice((content, b"", b"text", content[:9])))
        for _ in range(generator.choice((0, 1, 2, 20, 100)))
    ]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return _post(_path(generator), f"multipart/form-data; boundary={BOUNDARY}", body)


def _broken_json(generator: random.Random) -> bytes:
    bodies = (
        b"{",
        b"",
        b"nul",
        b"[" * 50_000,
        b'{"image":' * 20_000,
        b'{"image": "\xff\xfe"}',
        b"\xef\xbb\xbf{}",
        b"1e999999",
    )
    bodies += (b'{"image": "' + b"A" * 999 + b'"', b'"' + b"\\u0000" * 99 + b'"', b'{"image": NaN}', b"-" * 10_000)
    return _post(_path(generator), "application/json", generator.choice(bodies))


def _wrong_json(generator: random.Random) -> bytes:
    _, content = _picture(generator)
    values = (
        None,
        1,
        True,
        [],
        {},
        "",
        "%%%",
        "A",
        "data:",
        "data:image/png;base64,AAAA",
        "\ud800",
        [[[[]]]],
        10**400,
        "\0",
    )
    values += (base64.b64encode(content).decode()[: generator.randrange(1, 400)], base64.b85encode(content).decode())
    value = generator.choice(values)
    documents = (
        {"image": value},
        {"images": value},
        {"images": [value] * 3},
        {"image": value, "more": 1},
        [value],
        value,
    )
    return _post(
        _path(generator), "application/json", json.dumps(generator.choice(documents)).encode("utf-8", "surrogatepass")
    )


def _wrong_headers(generator: random.Random) -> bytes:
    _, content = _picture(generator)
    headers = (
        "Content-Encoding: gzip",
        "Authorization: Bearer " + "x" * 3000,
        "Authorization: \xff\xfe",
        "Accept: " + "image/png," * 300,
        "Cookie: " + "a=b; " * 900,
        "X-Forwarded-For: ' OR 1=1 --",
        "traceparent: 00-" + "z" * 32 + "-0000-zz",
        "baggage: " + "a=b," * 2000,
        "Range: bytes=0-18446744073709551615",
        "Expect: 100-continue",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13",
        "X: " + "y" * 200_000,
        "Content-Type: text/plain",
        "Host: [::::1",
    )
    return _post(_path(generator), generator.choice(("image/png", "image/\xe9")), content, generator.choice(headers))


def _wrong_line(generator: random.Random) -> bytes:
    methods = ("GET", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH", "CONNECT", "HEAD", "POST", "BREW", "get", "\x00")
    paths = (
        "/score",
        "/score/",
        "//score",
        "/%00",
        "/..%2f..%2fetc/passwd",
        "/" + "a" * 9000,
        "*",
        "http://example.org/",
    )
    paths += (
        "/score?" + "a=" * 4000,
        "/static_content/../../x",
        "/model;x",
        "/\xff",
        "/metrics",
        "/schema.json",
        "/docs.json/x",
    )
    versions = ("HTTP/1.1", "HTTP/1.0", "HTTP/9", "")
    line = f"{generator.choice(methods)} {generator.choice(paths)} {generator.choice(versions)}"
    return line.encode("latin-1") + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def _wrong_length(generator: random.Random) -> bytes:
    length = generator.choice(("-1", "1e3", "99999999999999999999", "5, 5", "", "0x10", "400", "+3"))
    head = f"POST {_path(generator)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: image/png\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + generator.randbytes(300)


def _broken_chunks(generator: random.Random) -> bytes:
    head = f"POST {_path(generator)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: image/png\r\n"
    if generator.random() < 0.3:
        head += "Content-Length: 5\r\n"
    chunks = (
        b"5\r\nhello\r\n0\r\n\r\n",
        b"zz\r\n",
        b"fffffffffffffffff\r\nx",
        b"-1\r\n\r\n",
        b"5\r\nhel",
        b"0\r\n\r\n",
    )
    chunks += (b"5;" + b"x" * 9000 + b"\r\nhello\r\n0\r\n\r\n", b"1\r\na\r\n" * 3000 + b"0\r\n\r\n")
    return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + generator.choice(chunks)
