"""Container images of the components.

An environment variable wins; then images/images.lock, which `make push` writes with the digests of what it pushed; then
the tag that `make images` gives.
"""

import json
import os
from importlib import metadata
from pathlib import Path

LOCK = Path(__file__).parents[1] / "images" / "images.lock"


def image(name: str) -> str:
    """Return the reference of an image: "train", "foundation" or "serve".

    Raises:
        ValueError: The lock is damaged.
    """
    return os.environ.get(f"CSAD_{name.upper()}_IMAGE") or _locked(f"csad-{name}") or _tagged(f"csad-{name}")


def _locked(name: str) -> str | None:
    try:
        lock = json.loads(LOCK.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{LOCK} is not JSON ({error}); write it again with make push, or remove it") from None
    reference = lock.get(name)
    if reference is not None and "@sha256:" not in str(reference):
        raise ValueError(f"{LOCK} has {name} as {reference!r}, expected NAME@sha256:DIGEST; write it with make push")
    return reference


def _tagged(name: str) -> str:
    return f"{name}:{metadata.version('csad')}"


TRAIN_IMAGE = image("train")
"""Runs every stage that needs no foundation model; holds csad, kfp and nothing to install."""

FOUNDATION_IMAGE = image("foundation")
"""Runs tagging and masks on GPU nodes: RAM++, Grounding DINO and SAM-HQ beside csad."""

SERVE_IMAGE = image("serve")
"""Serves models."""
