"""Bodies that are no images, no forms or no JSON, in requests that are otherwise right."""

import base64
import json
import random
import struct
import zlib

from benchmarks.hostile.posts import post, some_path, some_picture

BOUNDARY = "c0ffee"


def random_bytes(generator: random.Random) -> bytes:
    """Send noise under any content type."""
    kinds = (
        "image/png",
        "application/json",
        "text/html",
        "",
        "multipart/form-data",
        "application/octet-stream",
        "\x00",
    )
    return post(
        some_path(generator), generator.choice(kinds), generator.randbytes(generator.choice((0, 1, 7, 900, 90_000)))
    )


def mutated_image(generator: random.Random) -> bytes:
    """Change bytes of an image."""
    kind, content = some_picture(generator)
    mutated = bytearray(content)
    for _ in range(generator.randint(1, 30)):
        mutated[generator.randrange(len(mutated))] = generator.randrange(256)
    return post(some_path(generator), kind, bytes(mutated))


def truncated_image(generator: random.Random) -> bytes:
    """Cut an image short."""
    kind, content = some_picture(generator)
    return post(some_path(generator), kind, content[: generator.randrange(len(content))])


def enormous_image(generator: random.Random) -> bytes:
    """A PNG of a few bytes that claims millions of pixels, some of which it even has."""
    width, height = generator.choice(((65535, 65535), (2**31 - 1, 1), (1, 2**31 - 1), (0, 5), (30_000, 30_000)))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, generator.choice((0, 2, 3, 6, 9)), 0, 0, 0)
    data = zlib.compress(bytes(generator.choice((10, 1_000_000))))
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2_000_000))) if generator.random() < 0.5 else b""
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return post(some_path(generator), "image/png", png)


def foreign_format(generator: random.Random) -> bytes:
    """Begin like a file of another kind."""
    heads = (
        b"GIF89a\x01\x00\x01\x00",
        b"%PDF-1.7",
        b"%!PS-Adobe",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"PK\3\4",
    )
    heads += (b"\0\0\0\x1cftypavif", b"8BPS", b"\x7fELF", b"SIMPLE  =", b"P6 9 9 255 ", b"\x1f\x8b\x08")
    return post(some_path(generator), "image/png", generator.choice(heads) + generator.randbytes(60))


def part(name: str, filename: str | None, content: bytes) -> bytes:
    """Make one part of a form."""
    file = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode("utf-8", "surrogatepass") + content + b"\r\n"


def broken_form(generator: random.Random) -> bytes:
    """Break a form."""
    _, content = some_picture(generator)
    whole = part("image", "a.png", content) + f"--{BOUNDARY}--\r\n".encode()
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
    return post(some_path(generator), *generator.choice(broken))


def wrong_form(generator: random.Random) -> bytes:
    """Fill a form with wrong or odd fields."""
    _, content = some_picture(generator)
    names = ("image", "images", "file", "", "__proto__", "a" * 3000, "\ud800", "im\0age")
    files = ("../../etc/passwd", "a.png", "", None, "x" * 9000, 'q"uote.png', "\u202egnp.exe", "a\0b.png")
    parts = [
        part(generator.choice(names), generator.choice(files), generator.choice((content, b"", b"text", content[:9])))
        for _ in range(generator.choice((0, 1, 2, 20, 100)))
    ]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return post(some_path(generator), f"multipart/form-data; boundary={BOUNDARY}", body)


def broken_json(generator: random.Random) -> bytes:
    """Break JSON."""
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
    return post(some_path(generator), "application/json", generator.choice(bodies))


def wrong_json(generator: random.Random) -> bytes:
    """Send JSON with wrong or odd content."""
    _, content = some_picture(generator)
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
    return post(
        some_path(generator),
        "application/json",
        json.dumps(generator.choice(documents)).encode("utf-8", "surrogatepass"),
    )
