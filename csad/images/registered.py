"""Good images of a data set brought to one pose, and the file that says how."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from csad.common import atomic
from csad.common.errors import StageError
from csad.common.hashing import file_sha256
from csad.common.progress import track
from csad.config.line import ProductLine
from csad.images.reading import read_rgb
from csad.images.records import ImageFile
from csad.images.training_images import SampleImages
from csad.imaging.registration import Registration, fit_registration

FILE = "registration.safetensors"
NAMED = 10

logger = logging.getLogger(__name__)


def find_registration(line: ProductLine, sample: SampleImages) -> Registration | None:
    """What brings the product of some good images to one pose; None where they need nothing or the line wants none."""
    return None if line.images.registration == "none" else fit_registration(sample.images)


def register_images(line: ProductLine, registration: Registration, folder: Path, files: Sequence[ImageFile]) -> None:
    """Put registered images, PNG, in the place of good ones and leave the registration beside them.

    Args:
        line: Product line.
        registration: What brings the product to its pose.
        folder: The data set.
        files: Its train and validation images.
    """
    missed = []
    for file in track(files, "Registering", total=len(files)):
        image = read_rgb(file.path, line.images.max_pixels)
        placement = registration.place(image)
        if placement is None:
            missed.append(file.key)
        file.path.unlink()
        with atomic.replacing(file.path.with_suffix(".png")) as draft:
            Image.fromarray(registration.register(image, placement)).save(draft, "PNG", compress_level=1)
    logger.info(
        "registration: the product lies %s; %d good images were brought to one pose", registration.poses, len(files)
    )
    if missed:
        named = ", ".join(missed[:NAMED]) + (", ..." if len(missed) > NAMED else "")
        logger.warning(
            "in %d of %d good images no product stands out; they keep their pose: %s", len(missed), len(files), named
        )
    arrays = {name: np.ascontiguousarray(array) for name, array in registration.arrays().items()}
    with atomic.replacing(folder / FILE) as draft:  # safetensors 0.8 makes files that their owner alone can read
        save_file(arrays, draft)


def registration_digest(folder: Path) -> str:
    """SHA-256 of the registration of a data set; empty where its images are as they came."""
    return file_sha256(folder / FILE) if (folder / FILE).is_file() else ""


def read_registration(folder: Path) -> Registration | None:
    """The registration of an ingested data set; None where there is none.

    Raises:
        StageError: Its file is damaged.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        return Registration.from_arrays(load_file(file))
    except (SafetensorError, KeyError, IndexError) as error:
        raise StageError(
            f"{file} is damaged ({error}); run the ingest stage, or copy the model folder, again"
        ) from error
