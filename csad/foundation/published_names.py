"""Which published weights the foundation models of a line read, by the line alone and without torch (paper 3.1)."""

from __future__ import annotations

from csad.config.line import ProductLine
from csad.config.weights_address import name_of

SAM_FILE = "sam_hq_{name}"
GROUNDING_FILE = "groundingdino_swint_ogc"
TAGGER_FILE = "ram_plus_swin_large_14m"
"""Files of these names, with either of `SUFFIXES`, and the names that `csad weights` has for them."""

SUFFIXES = (".safetensors", ".pth")
BERT_FOLDER = "bert-base-uncased"
BERT_FILES = ("config.json", "vocab.txt", "model.safetensors")
BERT_WEIGHTS = ("bert_config", "bert_vocabulary", "bert_model")
"""What `csad weights` calls the files of `BERT_FILES`."""


def tagger_weights(line: ProductLine) -> tuple[str, ...]:
    """Name of the weights of RAM++; none where the line names a file or a folder of its own."""
    if line.tags.weights is not None:
        name = name_of(line.tags.weights)
        return (name,) if name else ()
    return () if line.pseudo_labels.foundation.weights else (TAGGER_FILE,)


def mask_weights(line: ProductLine) -> tuple[str, ...]:
    """Names of the weights that propose masks; none where the line names a folder of its own.

    Tags that RAM++ is still to find count as found, so these may be more than a run reads.
    """
    settings = line.pseudo_labels.foundation
    if settings.weights:
        return ()
    return (SAM_FILE.format(name=settings.sam), *((GROUNDING_FILE, *BERT_WEIGHTS) if grounds(line) else ()))


def grounds(line: ProductLine) -> bool:
    """Whether Grounding DINO is used; tags that RAM++ is still to find count as found."""
    settings = line.pseudo_labels
    return line.tags.prompts != () and (settings.mode != "fine" or settings.filter_by_grounding)
