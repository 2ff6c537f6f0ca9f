"""Grounding DINO and SAM-HQ from the published files: every weight must be there, and nothing is downloaded.

For the masks of paper 3.1; Grounding DINO is arXiv:2303.05499, HQ-SAM arXiv:2306.01567.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from csad.common.errors import WeightsError
from csad.compute.compute_device import chosen_device, described
from csad.config.settings import FoundationSettings
from csad.config.weights_address import FOLDER_VARIABLE
from csad.foundation.grounding import Grounding
from csad.foundation.published_names import BERT_FILES, BERT_FOLDER, GROUNDING_FILE, SAM_FILE, SUFFIXES
from csad.foundation.sam import SamHq
from csad.weights.catalogue import read_catalogue
from csad.weights.checkpoints import load_strictly, verify_digest
from csad.weights.digests import read_digests

NOT_INSTALLED = (
    "the foundation models need the package {name}, which is not installed here; run in the environment that "
    "`make foundation` makes, or with the foundation image"
)

_log = logging.getLogger(__name__)


def weights_folder(settings: FoundationSettings) -> Path:
    """The folder of the model files.

    Raises:
        WeightsError: Neither the line nor the environment names one, or it does not exist.
    """
    named = settings.weights or os.environ.get(FOLDER_VARIABLE)
    if not named:
        raise WeightsError(
            "no folder of model files; set pseudo_labels.foundation.weights or the environment variable "
            f"{FOLDER_VARIABLE} to the folder that `csad weights sync` or `csad weights import` filled"
        )
    folder = Path(named)
    if not folder.is_dir():
        raise WeightsError(f"the folder of model files {folder} does not exist; fill it with `csad weights sync`")
    return folder


def model_file(folder: Path, stem: str) -> Path:
    """The file of a model: safetensors where it was converted, else as it was published.

    Raises:
        WeightsError: Neither exists.
    """
    for suffix in SUFFIXES:
        if (folder / f"{stem}{suffix}").is_file():
            return folder / f"{stem}{suffix}"
    names = " or ".join(f"{stem}{suffix}" for suffix in SUFFIXES)
    raise WeightsError(f"{folder} holds no {names}; fill it with `csad weights sync` or `csad weights import`")


def recorded_digest(folder: Path, path: Path) -> str | None:
    """SHA-256 that a file of the weights folder had when it was first seen; None for a file that nobody recorded.

    Raises:
        WeightsError: The folder's record is damaged.
    """
    known = read_digests(folder)
    names = [entry.name for entry in read_catalogue() if entry.file == path.relative_to(folder).as_posix()]
    return known[names[0]].stored if names and names[0] in known else None


def foundation_device() -> torch.device:
    """Choose where the foundation models compute, and say so.

    Raises:
        DeviceError: CSAD_DEVICE asks for a device that is not there.
    """
    device = chosen_device()
    _log.info("foundation models: on %s", described(device))
    return device


def sam_file(settings: FoundationSettings) -> Path:
    """The weights of SAM-HQ.

    Raises:
        WeightsError: They are missing.
    """
    return model_file(weights_folder(settings), SAM_FILE.format(name=settings.sam))


def grounding_files(settings: FoundationSettings) -> tuple[Path, ...]:
    """The weights of Grounding DINO, then the files of its BERT.

    Raises:
        WeightsError: One of them is missing.
    """
    folder = weights_folder(settings)
    bert = folder / BERT_FOLDER
    weights = model_file(folder, GROUNDING_FILE)
    for name in BERT_FILES:
        if not (bert / name).is_file():
            raise WeightsError(f"{bert} holds no {name}; fill it with `csad weights sync` or `csad weights import`")
    return (weights, *(bert / name for name in BERT_FILES))


def random_sam(name: str) -> Any:
    """Make the published SAM-HQ with random weights.

    Args:
        name: Image encoder, such as "vit_h".

    Returns:
        A module, `segment_anything_hq.modeling.Sam`, on the CPU.

    Raises:
        WeightsError: The package is missing.
    """
    try:
        from segment_anything_hq import sam_model_registry
    except ModuleNotFoundError as error:
        raise WeightsError(NOT_INSTALLED.format(name=error.name)) from error
    return sam_model_registry[name]()


def random_grounding(bert: Path, device: torch.device) -> Any:
    """Make the published Grounding DINO, Swin-T, with random weights.

    Args:
        bert: Folder of its BERT, with weights and vocabulary.
        device: Where it will compute.

    Returns:
        A module, `groundingdino.models.GroundingDINO`, still on the CPU.

    Raises:
        WeightsError: The package is missing.
    """
    # Read when transformers is imported: from then on nothing asks the hub.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        from groundingdino.config import GroundingDINO_SwinT_OGC as published
        from groundingdino.models import build_model
    except ModuleNotFoundError as error:
        raise WeightsError(NOT_INSTALLED.format(name=error.name)) from error
    architecture = {name: value for name, value in vars(published).items() if not name.startswith("_")}
    # Checkpointing saves memory in training alone.
    architecture |= {"use_checkpoint": False, "use_transformer_ckpt": False}
    arguments = SimpleNamespace(**architecture, device=str(device))
    arguments.text_encoder_type = str(bert)
    with contextlib.redirect_stdout(sys.stderr):
        return build_model(arguments)


def build_sam(settings: FoundationSettings, device: torch.device) -> SamHq:
    """Build SAM-HQ with its published weights.

    Raises:
        WeightsError: The package or the file is missing, or the file is of another network.
    """
    folder, path = weights_folder(settings), sam_file(settings)
    model = random_sam(settings.sam)
    load_strictly(model, path, sha256=recorded_digest(folder, path))
    # Once more after loading: vit_tiny derives its attention biases from the weights when it leaves training.
    return SamHq(model.to(device).eval())


def build_grounding(settings: FoundationSettings, device: torch.device) -> Grounding:
    """Build Grounding DINO, Swin-T, with its published weights and a local BERT.

    Raises:
        WeightsError: The package or a file is missing, or a file is of another network.
    """
    folder = weights_folder(settings)
    path, *language = grounding_files(settings)
    for file in language:
        verify_digest(file, recorded_digest(folder, file))
    model = random_grounding(folder / BERT_FOLDER, device)
    load_strictly(
        model,
        path,
        sha256=recorded_digest(folder, path),
        prefix_map={"module.": ""},
        computed=("position_ids",),
        unused=("label_enc.weight",),
    )
    return Grounding(model.to(device).eval(), device, settings)
