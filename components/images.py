"""Container images of the components.

An environment variable wins; then images/images.lock, which `make push` writes with the digests of what it pushed; then
the release's tag, which `make images` gives to what it built last and describes in dist/images.json.
"""

import json
import os
from importlib import metadata
from pathlib import Path

from csad.common.errors import CsadError

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "images" / "images.lock"
BUILT = ROOT / "dist" / "images.json"
VARIANT = "variant"
"""Build variant of train and foundation: "cpu", or a CUDA release such as "cu130"."""

CPU = "cpu"


class ImageMismatch(CsadError):  # noqa: N818 - named for what was found
    """The images cannot do what the pipeline asks of them."""


def image(name: str) -> str:
    """Return the reference of an image: "train", "foundation" or "serve".

    Raises:
        ValueError: The lock is damaged.
    """
    chosen = os.environ.get(f"CSAD_{name.upper()}_IMAGE") or _locked(f"csad-{name}")
    return chosen or f"csad-{name}:{metadata.version('csad')}"


def check_device(cpu_only: bool | None) -> bool:
    """Say whether a pipeline asks for GPUs.

    Args:
        cpu_only: What a user wants; None: what the images compute on, and GPUs where nobody built any.

    Raises:
        ImageMismatch: GPUs are wanted and the images have no CUDA: each of their tasks would hold a GPU and fail.
        ValueError: The lock is damaged.
    """
    known = LOCK if _read(LOCK) else BUILT
    # Images that the environment names are known to whoever names them.
    variant = None if os.environ.get("CSAD_TRAIN_IMAGE") else _read(known).get(VARIANT)
    if cpu_only is False and variant == CPU:
        raise ImageMismatch(
            f"the images of {known} compute on the CPU, so no task could use a GPU; "
            "build others with VARIANT=cu130 make images, or compile with --cpu-only"
        )
    return variant != CPU if cpu_only is None else not cpu_only


def _locked(name: str) -> str | None:
    reference = _read(LOCK).get(name)
    if reference is not None and "@sha256:" not in str(reference):
        raise ValueError(f"{LOCK} has {name} as {reference!r}, expected NAME@sha256:DIGEST; write it with make push")
    return reference


def _read(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}); write it again with make push, or remove it") from None
    return found


TRAIN_IMAGE = image("train")
"""Runs every stage that needs no foundation model; holds csad, kfp and nothing to install."""

FOUNDATION_IMAGE = image("foundation")
"""Runs tagging and masks of lines whose proposer is foundation: RAM++, Grounding DINO and SAM-HQ beside csad."""

SERVE_IMAGE = image("serve")
"""Serves models."""
