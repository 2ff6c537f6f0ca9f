"""RAM++ (arXiv:2310.15200) with its published weights."""

from __future__ import annotations

from pathlib import Path

import torch

from csad.foundation.ram_plus.architecture import RamPlusArchitecture
from csad.foundation.ram_plus.model import RamPlus
from csad.foundation.ram_plus.swin import published_prefixes
from csad.weights.checkpoints import load_strictly

OLD_PREFIXES = {"vision_multi.": "tagging_head."}
"""Names in older files of the authors."""

COMPUTED = ("relative_position_index", "attn_mask")
TRAINING_ONLY = ("logit_scale",)
SOMETIMES_LEFT_OUT = ("reweight_scale",)
"""The authors' program, too, then takes CLIP's temperature."""


def load_ram_plus(path: Path, architecture: RamPlusArchitecture, device: torch.device) -> tuple[RamPlus, str]:
    """Build RAM++ and fill it strictly.

    Args:
        path: `ram_plus_swin_large_14m`, as .safetensors or as the published .pth.
        architecture: Its size.
        device: Where it will run.

    Returns:
        The network and the file's SHA-256.

    Raises:
        WeightsError: The file is missing, damaged or of another network.
    """
    with torch.device("meta"):
        model = RamPlus(architecture)
    digest = load_strictly(
        model,
        path,
        prefix_map=OLD_PREFIXES | published_prefixes(architecture.encoder),
        computed=COMPUTED,
        unused=TRAINING_ONLY,
        optional=SOMETIMES_LEFT_OUT,
    )
    model.visual_encoder.compute_buffers()
    return model.requires_grad_(False).to(device), digest
