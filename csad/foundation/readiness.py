"""Whether this machine has what the foundation models of a line need, without loading any of it (paper 3.1)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from csad.common.errors import WeightsError
from csad.config.line import ProductLine
from csad.foundation import building, tagging
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
    packages = (SAM_PACKAGE, GROUNDING_PACKAGE) if _grounds(line) else (SAM_PACKAGE,)
    absent = [building.NOT_INSTALLED.format(name=name) for name in packages if find_spec(name) is None]
    return (*absent, *_missing_files(line))


def _grounds(line: ProductLine) -> bool:
    """Whether Grounding DINO is used; tags that RAM++ is still to find count as found."""
    settings = line.pseudo_labels
    return line.tags.prompts != () and (settings.mode != "fine" or settings.filter_by_grounding)


def _missing_files(line: ProductLine) -> list[str]:
    missing = []
    settings = line.pseudo_labels.foundation
    stems = [building.SAM_FILE.format(name=settings.sam)]
    files = []
    if _grounds(line):
        stems.append(building.GROUNDING_FILE)
        files += [f"{building.BERT_FOLDER}/{name}" for name in building.BERT_FILES]
    if line.tags.prompts is None:
        tagger = line.tags.weights
        if tagger is None:
            stems.append(tagging.FILE)
        elif not Path(tagger).is_file():
            missing.append(f"tags.weights names {tagger}, which does not exist; correct the path, or leave it out")
    try:
        folder = building.weights_folder(settings)
    except WeightsError as error:
        return [*missing, str(error)]
    absent = [stem for stem in stems if not any((folder / f"{stem}{suffix}").is_file() for suffix in building.SUFFIXES)]
    names = {entry.file: entry.name for entry in read_catalogue()}
    absent += [names[file] for file in files if not (folder / file).is_file()]
    if absent:
        missing.append(
            f"{folder} lacks the weights {', '.join(absent)}; bring them with `csad weights sync {' '.join(absent)}`, "
            "or `csad weights import`"
        )
    return missing
