"""Whether this machine has what the foundation models of a line need, without loading any of it (paper 3.1)."""

from __future__ import annotations

from importlib.util import find_spec

from csad.common.errors import WeightsError
from csad.config.line import ProductLine
from csad.config.weights_address import weights_path
from csad.foundation import building
from csad.foundation.published_names import (
    BERT_FILES,
    BERT_FOLDER,
    GROUNDING_FILE,
    SAM_FILE,
    SUFFIXES,
    TAGGER_FILE,
    grounds,
)
from csad.weights.catalogue import read_catalogue

SAM_PACKAGE = "segment_anything_hq"
GROUNDING_PACKAGE = "groundingdino"


def what_is_missing(line: ProductLine) -> tuple[str, ...]:
    """Say why the foundation models of a line would fail here; files are looked for, not read.

    Args:
        line: Product line whose masks foundation models propose.

    Returns:
        A sentence for each obstacle, with what to do.
    """
    packages = (SAM_PACKAGE, GROUNDING_PACKAGE) if grounds(line) else (SAM_PACKAGE,)
    absent = [building.NOT_INSTALLED.format(name=name) for name in packages if find_spec(name) is None]
    return (*absent, *_missing_files(line))


def _missing_files(line: ProductLine) -> list[str]:
    missing = []
    settings = line.pseudo_labels.foundation
    stems = [SAM_FILE.format(name=settings.sam)]
    files = []
    if grounds(line):
        stems.append(GROUNDING_FILE)
        files += [f"{BERT_FOLDER}/{name}" for name in BERT_FILES]
    if line.tags.prompts is None:
        tagger = line.tags.weights
        if tagger is None:
            stems.append(TAGGER_FILE)
        else:
            missing += _missing_tagger(tagger)
    try:
        folder = building.weights_folder(settings)
    except WeightsError as error:
        return [*missing, str(error)]
    absent = [stem for stem in stems if not any((folder / f"{stem}{suffix}").is_file() for suffix in SUFFIXES)]
    names = {entry.file: entry.name for entry in read_catalogue()}
    absent += [names[file] for file in files if not (folder / file).is_file()]
    if absent:
        missing.append(
            f"{folder} lacks the weights {', '.join(absent)}; bring them with `csad weights sync {' '.join(absent)}`, "
            "or `csad weights import`"
        )
    return missing


def _missing_tagger(named: str) -> list[str]:
    try:
        path = weights_path(named)
    except WeightsError as error:
        return [str(error)]
    if path.is_file():
        return []
    return [f"tags.weights names {path}, which does not exist; correct the path, or leave it out"]
