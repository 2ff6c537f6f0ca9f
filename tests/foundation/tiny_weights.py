"""Random weights for RAM++, Grounding DINO and SAM-HQ, of whatever sizes their packages have here: `FOLDER SAM`.

Needs no pytest, so that the foundation image can write what its own networks load.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import save_file

from benchmarks.random_bert import write_random_bert
from tests.foundation.tiny_ram_plus import save_tiny_weights

TAGS = ("screw", "washer")
"""What RAM++ of these weights finds in any image."""


def write_weights(folder, sam):
    """Files by the names that `csad weights` has for them; SAM-HQ by its name in a line."""
    bert = write_toy_bert(folder / "bert")
    grounding, masks = folder / "grounding.safetensors", folder / "sam.safetensors"
    _save(grounding_dino(bert, seed=4), grounding)
    _save(_random_sam(sam, seed=3), masks)
    return {
        "bert_config": bert / "config.json",
        "bert_vocabulary": bert / "vocab.txt",
        "bert_model": bert / "model.safetensors",
        "groundingdino_swint_ogc": grounding,
        f"sam_hq_{sam}": masks,
        "ram_plus_swin_large_14m": save_tiny_weights(folder / "ram.safetensors", TAGS),
    }


def write_toy_bert(folder):
    """A BERT of one layer whose words are letters."""
    return write_random_bert(folder, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)


def grounding_dino(bert, seed, **sizes):
    """`GroundingDINO` as its package configures it, but for some sizes."""
    from groundingdino.config import GroundingDINO_SwinT_OGC as published
    from groundingdino.models import build_model

    torch.manual_seed(seed)
    values = {name: value for name, value in vars(published).items() if not name.startswith("_")}
    values |= {"use_checkpoint": False, "use_transformer_ckpt": False, "text_encoder_type": str(bert), "device": "cpu"}
    return build_model(SimpleNamespace(**(values | sizes))).eval()


def make_masks_vary(sam):
    """Let the masks of a random SAM with a ViT depend on the image and on the prompt."""
    with torch.no_grad():
        sam.image_encoder.pos_embed.normal_(std=0.5)
        for network in (*sam.mask_decoder.output_hypernetworks_mlps, sam.mask_decoder.hf_mlp):
            for layer in network.layers:
                layer.weight.mul_(2)
            network.layers[-1].weight.mul_(10)
        for name, weight in sam.mask_decoder.transformer.named_parameters():
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                weight.mul_(4)
    return sam


def _random_sam(name, seed):
    from segment_anything_hq import sam_model_registry

    torch.manual_seed(seed)
    sam = sam_model_registry[name]()
    return make_masks_vary(sam) if hasattr(sam.image_encoder, "pos_embed") else sam


def _save(network, path):
    save_file({name: tensor.clone().contiguous() for name, tensor in network.state_dict().items()}, path)


if __name__ == "__main__":
    written = write_weights(Path(sys.argv[1]), sys.argv[2])
    print(json.dumps({name: str(path) for name, path in written.items()}))
