"""What the foundation models take per image on this device: the published networks with random weights.

Run `python -m benchmarks.foundation_speed --device cuda` where the packages of `make foundation` are. No weights are
needed: they do not change the time of a pass. One image is asked as the stages `tagging` and `masks` ask:
the same scaling, prompts and precision (SAM-HQ in half precision on a GPU, the others in single precision). Timed are
the passes of the networks alone; how many masks are then drawn and filtered depends on the weights
(`python -m benchmarks.foundation_cost` times that part).
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from benchmarks.measurement import machine
from benchmarks.random_bert import write_random_bert
from csad.common import atomic
from csad.common.errors import CsadError
from csad.common.tables import markdown_table
from csad.compute.compute_device import chosen_device, described
from csad.config.settings import FoundationSettings
from csad.foundation.building import random_grounding, random_sam
from csad.foundation.grounding import LONG_SIDE, SHORT_SIDE, Grounding
from csad.foundation.ram_plus.architecture import RamPlusArchitecture, SwinArchitecture
from csad.foundation.ram_plus.model import RamPlus
from csad.foundation.ram_plus.vocabulary import published_vocabulary
from csad.foundation.sam import SamHq
from csad.foundation.tagging import PUBLISHED, Tagger
from csad.proposals.automatic_masks import crops_of, point_grid
from kfp_client.parameters import git_commit

SEED = 0
WARM_UP = 3
NO_BOX = 1 - 1e-9
PROMPTS = ("screw", "washer", "red disc", "metal")
PACKAGES = ("torch", "transformers", "groundingdino-py", "segment-anything-hq", "timm")
ENCODE, DECODE = "encode the image", "decode the grid"


@dataclass(frozen=True)
class Scale:
    """What is timed.

    Attributes:
        side: Height and width of the image.
        runs: Timed calls of each pass; one alone is not warmed up.
        encoders: Image encoders of SAM-HQ.
        points_per_side: Point prompts along a side.
        sides: Short and longest side to which Grounding DINO scales.
        bert: Sizes of BERT that are not BERT base's.
        tagger: Size of RAM++.
    """

    side: int = 1024
    runs: int = 10
    encoders: tuple[str, ...] = ("vit_h", "vit_b", "vit_tiny")
    points_per_side: int = FoundationSettings().points_per_side
    sides: tuple[int, int] = (SHORT_SIDE, LONG_SIDE)
    bert: Mapping[str, int] = field(default_factory=dict)
    tagger: RamPlusArchitecture = PUBLISHED


SMALL = Scale(
    side=256,
    runs=1,
    encoders=("vit_tiny",),
    points_per_side=2,
    sides=(256, 384),
    bert={"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
    tagger=RamPlusArchitecture(
        SwinArchitecture(image=32, window=4, width=8, depths=(2, 2), heads=(1, 2)),
        embedding=16, descriptions=2, hidden=16, intermediate=32, layers=1, heads=2,
    ),
)  # fmt: skip
"""Tries the command out; its times say nothing."""


class Timing(BaseModel):
    """A pass of a network.

    Attributes:
        network: Network, with SAM-HQ's image encoder.
        work: What it does.
        seconds: Median of the calls.
        fastest: Least of the calls.
        slowest: Largest of the calls.
        peak_megabytes: Largest memory on the GPU, weights included; None on a CPU.
    """

    model_config = ConfigDict(frozen=True)

    network: str
    work: str
    seconds: float
    fastest: float
    slowest: float
    peak_megabytes: float | None


class FoundationSpeed(BaseModel):
    """The measurement.

    Attributes:
        device: Where the networks computed.
        machine: Processor and cores beside it.
        date: Day, UTC.
        commit: Git commit of the checkout.
        packages: Versions.
        small: Networks and image were small ones: the times say nothing.
        weights: "random": nothing was loaded.
        seed: Random seed of weights and image.
        side: Height and width of the image.
        prompts: Point prompts of a grid.
        runs: Timed calls of each pass.
        timings: Every pass.
        per_image: By image encoder and mode, seconds of all passes of an image.
    """

    model_config = ConfigDict(frozen=True)

    device: str
    machine: str
    date: str
    commit: str
    packages: dict[str, str]
    small: bool
    weights: str = "random"
    seed: int = SEED
    side: int
    prompts: int
    runs: int
    timings: tuple[Timing, ...]
    per_image: dict[str, float]

    def to_markdown(self) -> str:
        """Write both tables."""
        packages = ", ".join(f"{name} {version}" for name, version in self.packages.items())
        rows = [
            (
                one.network,
                one.work,
                f"{1000 * one.seconds:.1f}",
                f"{1000 * one.fastest:.1f} to {1000 * one.slowest:.1f}",
                "-" if one.peak_megabytes is None else f"{one.peak_megabytes:.0f}",
            )
            for one in self.timings
        ]
        size = "small networks, whose times say nothing" if self.small else "published networks"
        where = f"{self.device}; {self.machine}; {self.date}, commit {self.commit[:12]}; {packages}"
        return "\n\n".join(
            [
                f"One image of {self.side} x {self.side}, {size}, {self.weights} weights, seed {self.seed}, median of "
                f"{self.runs} calls: {where}.",
                markdown_table(("network", "pass", "ms", "from .. to", "peak MB of the GPU"), rows, right_from=2),
                markdown_table(
                    ("all passes of an image", "ms"),
                    [(name, f"{1000 * seconds:.0f}") for name, seconds in self.per_image.items()],
                ),
            ]
        )


def timed(network: str, work: str, call: Callable[[], object], device: torch.device, runs: int) -> Timing:
    """Time a pass; the clock waits for the GPU before and after every call."""

    def now() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    for _ in range(WARM_UP if runs > 1 else 0):
        call()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    taken = []
    for _ in range(runs):
        started = now()
        call()
        taken.append(now() - started)
    peak = torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else None
    return Timing(
        network=network,
        work=work,
        seconds=median(taken),
        fastest=min(taken),
        slowest=max(taken),
        peak_megabytes=peak,
    )


def time_tagger(image: NDArray[np.uint8], scale: Scale, device: torch.device) -> Iterator[Timing]:
    """Time RAM++."""
    tagger = Tagger(RamPlus(scale.tagger).to(device), published_vocabulary(), sha256="")
    yield timed("RAM++", "tag the image", lambda: tagger.tag(image), device, scale.runs)


def time_grounding(image: NDArray[np.uint8], scale: Scale, device: torch.device) -> Iterator[Timing]:
    """Time Grounding DINO; no random box is looked at after the pass."""
    settings = FoundationSettings(box_threshold=NO_BOX)
    with tempfile.TemporaryDirectory() as folder:
        model = random_grounding(write_random_bert(Path(folder), **scale.bert), device).to(device).eval()
    grounding = Grounding(model, device, settings, *scale.sides)
    yield timed(
        "Grounding DINO Swin-T", "find the prompts", lambda: grounding.detect(image, PROMPTS), device, scale.runs
    )


def time_sam(name: str, image: NDArray[np.uint8], scale: Scale, device: torch.device) -> Iterator[Timing]:
    """Time an image encoder of SAM-HQ, and its prompts on the grid of automatic masks."""
    sam = SamHq(random_sam(name).to(device).eval())
    encoded = sam.encode(image)
    points = (point_grid(scale.points_per_side) * scale.side)[:, None]
    network = f"SAM-HQ {name}"
    yield timed(network, ENCODE, lambda: sam.encode(image), device, scale.runs)

    def decode() -> None:
        # A deque of no length takes all batches and keeps none, as the stage does.
        deque(sam.prompt_points(encoded, points, ambiguous=True), maxlen=0)

    yield timed(network, DECODE, decode, device, scale.runs)


def measure(scale: Scale, device: torch.device, commit: str) -> FoundationSpeed:
    """Time every network by itself.

    Raises:
        WeightsError: A package is missing.
    """
    torch.manual_seed(SEED)
    image = np.random.default_rng(SEED).integers(0, 256, (scale.side, scale.side, 3), dtype=np.uint8)
    timings: list[Timing] = []
    parts = [time_tagger(image, scale, device), time_grounding(image, scale, device)]
    for part in (*parts, *(time_sam(name, image, scale, device) for name in scale.encoders)):
        for timing in part:
            print(timing, file=sys.stderr, flush=True)
            timings.append(timing)
        gc.collect()  # the network is gone before the next one's memory is read
    return FoundationSpeed(
        device=described(device),
        machine=machine(),
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        commit=commit,
        packages={name: metadata.version(name) for name in PACKAGES},
        small=scale == SMALL,
        side=scale.side,
        prompts=scale.points_per_side**2,
        runs=scale.runs,
        timings=tuple(timings),
        per_image=seconds_per_image(timings, scale.side),
    )


def seconds_per_image(timings: list[Timing], side: int) -> dict[str, float]:
    """Add up the passes of an image in fine mode: image and crops are encoded and asked at the grid, DINO runs once."""
    of = {(one.network, one.work): one.seconds for one in timings}
    parts = 1 + len(crops_of((side, side), FoundationSettings().crop_layers))
    dino = next(one.seconds for one in timings if one.network.startswith("Grounding DINO"))
    return {
        f"{network}, fine: {parts} encodings, {parts} grids, Grounding DINO once": parts
        * (seconds + of[network, DECODE])
        + dino
        for (network, work), seconds in of.items()
        if work == ENCODE
    }


def main() -> None:
    """Measure, print the tables and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a GPU where there is one)")
    parser.add_argument("--small", action="store_true", help="small networks: tries the command out")
    parser.add_argument("--output", type=Path, help="JSON file of the measurement (default: none)")
    parser.add_argument("--commit", default=git_commit(), help="commit of the checkout (default: what git says)")
    options = parser.parse_args()
    try:
        found = measure(SMALL if options.small else Scale(), chosen_device(options.device), options.commit)
        if options.output:
            atomic.write_text(options.output, found.model_dump_json(indent=1) + "\n")
    except CsadError as error:
        sys.exit(f"Error: {error}")
    print(found.to_markdown())


if __name__ == "__main__":
    main()
