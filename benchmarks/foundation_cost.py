"""What the foundation models cost per image: network passes, prompts, FLOPs counted on the published architectures, and
the measured share of the CPU.

Nothing needs weights or a GPU: SAM-HQ is built without data ("meta"), Grounding DINO with random weights, and the
counters of PyTorch count multiplications and additions of matrix products, convolutions and attention. What runs on
the CPU whatever the GPU (scaling, run-lengths, filters, files) is timed here.

Run it in the environment of `make foundation`: `.venv-foundation/bin/python -m benchmarks.foundation_cost`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.random_bert import write_random_bert
from benchmarks.refine_speed import ellipses, region_of
from csad.common.tables import markdown_table
from csad.config.settings import FoundationSettings
from csad.foundation.building import random_grounding
from csad.foundation.grounding import LONG_SIDE, SHORT_SIDE, scaled_size
from csad.imaging.masks import save_masks
from csad.proposals.automatic_masks import crops_of, without_specks
from csad.proposals.part_selection import select_parts, split_parts
from csad.proposals.refine import PackedMasks, filter_by_combine, filter_by_grounding
from csad.proposals.regions import Region

SIDE, GRID, PROMPT_WIDTH = 1024, 64, 256
BATCH = 64
BERT_PARAMETERS, TOKENS = 85e6, 32
"""Parameters of the layers of BERT base, and the tokens of about ten words."""

TERA = 1e12
THROUGHPUT = {"40 TFLOP/s (T4 or L4, half precision)": 40e12, "300 TFLOP/s (H100, half precision)": 300e12}
"""What such cards reach in practice, not their data sheets: the figures made with them are estimates."""


def counted(work: Callable[[], Any]) -> float:
    """FLOPs of some work."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        work()
    return float(counter.get_total_flops())


def sam_flops(name: str) -> tuple[float, float]:
    """FLOPs of one encoding and of one prompt of SAM-HQ."""
    from segment_anything_hq import sam_model_registry

    # TinyViT reads numbers while it is built, which "meta" cannot give; it is small.
    with torch.device("cpu" if name == "vit_tiny" else "meta"):
        model = sam_model_registry[name]().eval().to("meta")
    with torch.device("meta"):
        image = torch.empty(1, 3, SIDE, SIDE)
        encoding = counted(lambda: model.image_encoder(image))
        with torch.inference_mode():
            features, early = model.image_encoder(image)
        decoding = counted(
            lambda: model.mask_decoder(
                image_embeddings=features,
                image_pe=torch.empty(1, PROMPT_WIDTH, GRID, GRID),
                sparse_prompt_embeddings=torch.empty(BATCH, 2, PROMPT_WIDTH),
                dense_prompt_embeddings=torch.empty(BATCH, PROMPT_WIDTH, GRID, GRID),
                multimask_output=False,
                hq_token_only=False,
                interm_embeddings=early,
            )
        )
    return encoding, decoding / BATCH


def grounding_flops(size: tuple[int, int]) -> float:
    """FLOPs of one pass of Grounding DINO, Swin-T, on an image (H, W); BERT base by its parameters."""
    with tempfile.TemporaryDirectory() as folder:
        toy = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        model = random_grounding(write_random_bert(Path(folder), **toy), torch.device("cpu")).eval()
    height, width = scaled_size(*size, SHORT_SIDE, LONG_SIDE)
    pixels = torch.zeros(1, 3, height, width)
    return counted(lambda: model(pixels, captions=["screw . washer ."])) + 2 * BERT_PARAMETERS * TOKENS


class Stopwatch:
    """Seconds per kind of work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        """Add the seconds of a block."""
        started = time.process_time()
        yield
        self.seconds[what] = self.seconds.get(what, 0.0) + time.process_time() - started


def cpu_seconds(size: tuple[int, int], proposals: int, boxes: int) -> dict[str, float]:
    """Time what the CPU does for one image in fine mode."""
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
    watch, masks = Stopwatch(), ellipses(proposals, *size, seed=0)
    with watch("scaling for the encoder and for Grounding DINO"):
        for crop in (None, *crops_of(size, 1)):
            pixels = image if crop is None else crop.of(image)
            Image.fromarray(pixels).resize((SIDE, round(SIDE * size[0] / size[1])), Image.Resampling.BILINEAR)
        height, width = scaled_size(*size, SHORT_SIDE, LONG_SIDE)
        Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    with watch("run-lengths of the proposals"):
        regions = [region_of(mask) for mask in masks]
    with watch("holes, islands, parts, background"):
        minimum = FoundationSettings().minimum_region
        parts = select_parts(split_parts([_tidy(region, size, minimum) for region in regions]), np.zeros(size, bool))
    with watch("both filters"):
        packed = PackedMasks.pack(part.mask(size) for part in parts)
        grounded = filter_by_grounding(packed, packed.select(range(boxes)))
        kept = [parts[index] for index in grounded if index in set(filter_by_combine(packed))]
    with watch("the masks' file"), tempfile.TemporaryDirectory() as folder:
        save_masks(Path(folder) / "masks.json", [part.component(size, "automatic") for part in kept])
    return watch.seconds


def _tidy(region: Region, size: tuple[int, int], minimum: int) -> Region:
    return without_specks(region, size, minimum) or region


def prompts_of(settings: FoundationSettings, crops: int, boxes: int) -> int:
    """Prompts of one image in fine mode: the grid on the image and on each crop, the boxes, the four corners."""
    return (1 + crops) * settings.points_per_side**2 + boxes + 1


def report(size: tuple[int, int], proposals: int, boxes: int) -> Iterator[str]:
    """Lines of the report."""
    settings = FoundationSettings()
    crops = len(crops_of(size, settings.crop_layers))
    grounding = grounding_flops(size)
    yield f"Per image of {size[1]} x {size[0]}, {boxes} boxes, {proposals} proposals.\n"
    rows, totals = [], {}
    for name in ("vit_h", "vit_tiny"):
        encoding, prompt = sam_flops(name)
        modes = {
            "coarse": (1, boxes, 1),
            "fine": (1 + crops, prompts_of(settings, crops, boxes), 1),
            "fine, not grounded": (1 + crops, prompts_of(settings, crops, 0), 0),
        }
        for mode, (encodings, prompts, passes) in modes.items():
            flops = encodings * encoding + prompts * prompt + passes * grounding
            totals[name, mode] = flops
            rows.append(
                (
                    f"{name}, {mode}", str(encodings), str(prompts), str(passes), f"{encodings * encoding / TERA:.2f}",
                    f"{prompts * prompt / TERA:.2f}", f"{passes * grounding / TERA:.2f}", f"{flops / TERA:.2f}",
                )
            )  # fmt: skip
        yield f"{name}: one encoding {encoding / TERA:.3f} TFLOP, one prompt {prompt / 1e9:.2f} GFLOP."
    yield f"Grounding DINO: one pass {grounding / TERA:.3f} TFLOP.\n"
    head = ("", "encodings", "prompts", "Grounding DINO", "encoder TFLOP", "decoder TFLOP", "boxes TFLOP", "all TFLOP")
    yield markdown_table(head, rows) + "\n"
    seconds = cpu_seconds(size, proposals, boxes)
    for what, spent in seconds.items():
        yield f"CPU, {what}: {spent:.2f} s"
    cpu = sum(seconds.values())
    yield f"CPU in all: {cpu:.2f} s of one core"
    for card, rate in THROUGHPUT.items():
        gpu = totals["vit_h", "fine"] / rate
        yield f"estimate at {card}: {gpu:.2f} s, so the CPU takes {cpu / (cpu + gpu):.0%} of {cpu + gpu:.2f} s"


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 1600), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--proposals", type=int, default=150, help="Automatic masks that pass SAM's thresholds.")
    parser.add_argument("--boxes", type=int, default=10, help="Boxes that the words find.")
    options = parser.parse_args()
    for line in report((options.size[0], options.size[1]), options.proposals, options.boxes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
