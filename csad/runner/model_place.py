"""The place of a model folder, which is replaced as a whole."""

from pathlib import Path

from csad.common.errors import StageError
from csad.scoring.model_files import MANIFEST


def require_model_or_nothing(place: Path) -> None:
    """Refuse to replace a folder that holds something else, before hours of work.

    Args:
        place: Where the model is to be.

    Raises:
        StageError: `place` is a file, a folder that is neither empty nor a model, or the folder that this process
            works in.
    """
    if place.exists() and not (place.is_dir() and ((place / MANIFEST).is_file() or not any(place.iterdir()))):
        raise StageError(f"{place} exists and is not a model folder; choose another output, or remove it")
    if place.resolve() == Path.cwd():
        raise StageError(
            f"{place.resolve()} is the folder that you are in, and a model folder is replaced as a whole; "
            "choose another output, such as a folder inside it"
        )
