"""The real networks of segment-anything-hq and groundingdino-py, small and random."""

from functools import partial

import pytest
import torch

from tests.foundation import tiny_weights
from tests.foundation.tiny_weights import make_masks_vary

SKIP = "needs the foundation environment (make foundation)"


def tiny_sam(seed=0, side=128, width=64, prompt_width=256):
    """`Sam` with an encoder of two layers, one of them global; its masks depend on image and prompt."""
    modeling = pytest.importorskip("segment_anything_hq.modeling", reason=SKIP)
    torch.manual_seed(seed)
    grid = (side // 16, side // 16)
    model = modeling.Sam(
        image_encoder=modeling.ImageEncoderViT(
            depth=2,
            embed_dim=width,
            img_size=side,
            mlp_ratio=4,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            num_heads=4,
            patch_size=16,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=[1],
            window_size=4,
            out_chans=prompt_width,
        ),
        prompt_encoder=modeling.PromptEncoder(
            embed_dim=prompt_width, image_embedding_size=grid, input_image_size=(side, side), mask_in_chans=16
        ),
        mask_decoder=modeling.MaskDecoderHQ(
            num_multimask_outputs=3,
            transformer=modeling.TwoWayTransformer(depth=2, embedding_dim=prompt_width, mlp_dim=256, num_heads=8),
            transformer_dim=prompt_width,
            vit_dim=width,
        ),
    )
    return make_masks_vary(model).eval()


def write_toy_bert(folder):
    """A BERT of one layer whose words are letters."""
    pytest.importorskip("transformers", reason=SKIP)
    return tiny_weights.write_toy_bert(folder)


def tiny_grounding_dino(bert, seed=0, queries=30):
    """`GroundingDINO` with Swin-T, one encoder and one decoder layer."""
    pytest.importorskip("groundingdino.config.GroundingDINO_SwinT_OGC", reason=SKIP)
    return tiny_weights.grounding_dino(bert, seed, enc_layers=1, dec_layers=1, num_queries=queries)
