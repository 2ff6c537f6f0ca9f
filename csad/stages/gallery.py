"""The components that a model was trained on, for people to look at."""

from pathlib import Path

from csad.common.errors import StageError
from csad.pseudo_labels.record import GALLERY, PseudoLabels
from csad.runner.stage import StageRecord
from csad.runner.stage_folders import folder_name
from csad.scoring.model_files import MANIFEST


def stages_of(model: Path) -> Path:
    """Where `csad train` keeps the stages of a model folder; with a folder's full name, for it may be `.`."""
    place = model.resolve()
    return place.with_name(f"{place.name}.stages")


def find_gallery(model: Path) -> Path | None:
    """Find the pictures of a model's component classes; None where its stages are gone.

    Args:
        model: Model folder of `csad train`, or `<output>/model` of `python -m pipelines run`.
    """
    for root in (stages_of(model), model.resolve().parent / "stages"):
        for fitted in sorted(root.glob("statistics-*")):
            record = StageRecord.find(fitted)
            if record is None or "pseudo_labels" not in record.inputs or not _is_same(fitted, model):
                continue
            gallery = root / folder_name("clustering", record.inputs["pseudo_labels"]) / GALLERY
            if gallery.is_dir():
                return gallery
    return None


def find_doubts(gallery: Path | None) -> tuple[str, ...]:
    """Say what is doubtful about the classes of a gallery; nothing where their record is gone.

    Args:
        gallery: What `find_gallery` returned.
    """
    if gallery is None:
        return ()
    try:
        return PseudoLabels.read(gallery.parent).doubts
    except StageError:
        return ()


def _is_same(fitted: Path, model: Path) -> bool:
    """Whether a statistics stage made this model: its description holds the digest of every file."""
    try:
        return (fitted / MANIFEST).read_bytes() == (model / MANIFEST).read_bytes()
    except OSError:
        return False
