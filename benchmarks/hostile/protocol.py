"""Requests that break HTTP itself."""

import random

from benchmarks.hostile.posts import post, some_path, some_picture


def wrong_headers(generator: random.Random) -> bytes:
    """Add a header that is wrong or huge."""
    _, content = some_picture(generator)
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
    return post(some_path(generator), generator.choice(("image/png", "image/\xe9")), content, generator.choice(headers))


def wrong_line(generator: random.Random) -> bytes:
    """Ask for an odd path, by an odd method, in an odd version."""
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


def wrong_length(generator: random.Random) -> bytes:
    """Lie about the length."""
    length = generator.choice(("-1", "1e3", "99999999999999999999", "5, 5", "", "0x10", "400", "+3"))
    head = f"POST {some_path(generator)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: image/png\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + generator.randbytes(300)


def broken_chunks(generator: random.Random) -> bytes:
    """Break chunked encoding."""
    head = f"POST {some_path(generator)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: image/png\r\n"
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
