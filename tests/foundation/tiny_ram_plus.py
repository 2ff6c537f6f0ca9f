"""A RAM++ of the published kind with 4,585 words, small enough for a test, that names chosen words in any image."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchmarks.ram_plus_reference import seeded_state
from csad.foundation.ram_plus.architecture import RamPlusArchitecture, SwinArchitecture
from csad.foundation.ram_plus.model import RamPlus
from csad.foundation.ram_plus.swin import published_prefixes
from csad.foundation.ram_plus.vocabulary import published_vocabulary

ARCHITECTURE = RamPlusArchitecture(
    SwinArchitecture(image=32, window=4, width=8, depths=(2, 2), heads=(1, 2)),
    embedding=16,
    descriptions=2,
    hidden=16,
    intermediate=32,
    layers=1,
    heads=2,
)
SURE, UNSURE = 4.0, -4.0
"""Logits of the chosen words and of the others, about."""


def published_state(model: RamPlus) -> dict[str, torch.Tensor]:
    """The network's tensors under the names of the published file."""
    ours = {new: old for old, new in published_prefixes(model.architecture.encoder).items()}
    longest_first = sorted(ours, key=len, reverse=True)

    def published(name: str) -> str:
        prefix = next((prefix for prefix in longest_first if name.startswith(prefix)), "")
        return ours.get(prefix, "") + name[len(prefix) :]

    return {published(name): tensor for name, tensor in model.state_dict().items()}


def save_tiny_weights(path: Path, words: Sequence[str]) -> Path:
    """Write seeded weights, without what the network computes itself, as a converted file would be."""
    model = RamPlus(ARCHITECTURE)
    own = published_state(model)
    shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    state = {name: torch.from_numpy(values) for name, values in seeded_state(shapes, 5).items()}
    chosen = torch.tensor([word in words for word in published_vocabulary().tags])
    assert chosen.sum() == len(words)
    likes, unlike = state["label_embed"][0], state["label_embed"][1]
    state["label_embed"] = torch.where(chosen.repeat_interleave(2)[:, None], likes, unlike)
    for name in state:
        if name.endswith("value.weight"):
            state[name] *= 0.01  # The image hardly matters: every one shows the chosen words.
    for name, tensor in own.items():
        tensor.copy_(state[name])
    logits = model(torch.zeros(1, 3, 32, 32))[0]
    first, other = logits[chosen][0], logits[~chosen][0]
    scale = (SURE - UNSURE) / (first - other)
    state["fc.weight"] = state["fc.weight"] * scale
    state["fc.bias"] = SURE - (first - state["fc.bias"]) * scale
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path
