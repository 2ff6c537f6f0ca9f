"""What hostile requests are made of: POST requests, paths and small images."""

import io
import random

from PIL import Image


def post(path: str, kind: str, body: bytes, *headers: str) -> bytes:
    """Make a POST request."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1", "replace") + body


def some_path(generator: random.Random) -> str:
    """Choose a route of the service."""
    return generator.choice(("/score", "/score", "/explain", "/score_batch"))


def some_picture(generator: random.Random) -> tuple[str, bytes]:
    """A small image of some format."""
    form = generator.choice(("PNG", "JPEG", "BMP", "TIFF", "WEBP"))
    mode = generator.choice(("RGB", "L", "1", "P", "RGBA", "CMYK", "I;16", "F"))
    stream = io.BytesIO()
    width, height = generator.randint(1, 90), generator.randint(1, 90)
    image = Image.frombytes("L", (width, height), generator.randbytes(width * height))
    try:
        image.convert(mode).save(stream, format=form)
    except (OSError, ValueError):
        stream = io.BytesIO()
        image.convert("RGB").save(stream, format=form)
    return "image/" + form.lower(), stream.getvalue()
