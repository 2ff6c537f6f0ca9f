"""Table 1 of the paper for one category on a GPU, end to end, with the time of every stage.

Run `python -m benchmarks.gpu_table1 --data MVTEC_LOCO` where a GPU and the published weights are
(`csad weights sync`; CSAD_WEIGHTS names their folder). Without them it says what is missing and ends with 2.

After training it times the paper's network and our default on the same card: as they are, under bf16 autocast, and
compiled by torch.compile. The canvases are random; what they show does not change the time.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from csad.common.errors import CsadError
from csad.common.tables import table
from csad.config.line import ProductLine
from csad.reproduction.data_sets import Category, find_data_set
from csad.reproduction.latency import RUNS, Latency, measure_latency
from csad.reproduction.lines import BASE, line_of
from csad.reproduction.runs import measure
from csad.reproduction.tables import Runs, build_table
from csad.runner.stage import RECORD
from csad.scoring.branches.component_histogram import ComponentBranch
from csad.scoring.branches.student_networks import StudentBranch
from csad.scoring.scorer import Scorer
from csad.stages.gallery import stages_of

BACKBONE = "wide_resnet50_2.tv2_in1k"
NEEDED = ("groundingdino_swint_ogc", "sam_hq_vit_h", BACKBONE)


def missing(folder: Path | None) -> list[str]:
    """What this machine lacks, a sentence each; nothing where the script can run."""
    reasons = []
    if not torch.cuda.is_available():
        reasons.append("there is no GPU: torch finds no CUDA device")
    if folder is None or not folder.is_dir():
        reasons.append("there are no weights: CSAD_WEIGHTS names no folder; run `csad weights sync`")
        return reasons
    for name in NEEDED:
        if not any((folder / f"{name}{suffix}").is_file() for suffix in (".safetensors", ".pth")):
            reasons.append(f"{folder} holds no {name}; run `csad weights sync {name}`")
    return reasons


def stage_seconds(model: Path) -> list[tuple[str, str]]:
    """Seconds that each finished stage behind a model took, in the order in which they ended."""
    records = sorted(stages_of(model).glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime)
    found = [json.loads(path.read_text(encoding="utf-8")) for path in records]
    return [(record["stage"], f"{record['seconds']:.1f}") for record in found]


def time_forms(name: str, model: Path, runs: int) -> list[tuple[str, ...]]:
    """Latency and throughput of a model on the GPU: plain, in bf16, and compiled."""

    def in_bf16(scorer: Scorer) -> Latency:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            return measure_latency(scorer, runs)["both"]

    def compiled(scorer: Scorer) -> Latency:
        scorer.runtime.model.backbone.pyramid.compile()
        for branch in scorer.runtime.model.branches:
            if isinstance(branch, ComponentBranch):
                branch.network.decoder.compile()
            elif isinstance(branch, StudentBranch):
                for student in (branch.students.local, branch.students.autoencoder):
                    if student is not None:
                        student.compile()
        return measure_latency(scorer, runs)["both"]

    forms: dict[str, Callable[[Scorer], Latency]] = {
        "plain": lambda scorer: measure_latency(scorer, runs)["both"],
        "bf16": in_bf16,
        "compiled": compiled,
    }
    rows = []
    for form, measured in forms.items():
        found = measured(Scorer.load(model, "cuda"))
        rows.append((name, form, f"{found.milliseconds:.2f}", f"{found.per_second:.1f}", found.device))
    return rows


def main() -> None:
    """Run it, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of MVTec LOCO AD")
    parser.add_argument("--category", default="juice_bottle", help="default: juice_bottle")
    parser.add_argument("--output", type=Path, default=Path("gpu_table1"), help="default: gpu_table1")
    parser.add_argument("--penalty", type=Path, help="folder with a sample of ImageNet; default: packaged photographs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"timed calls; default: {RUNS}")
    options = parser.parse_args()
    folder = Path(os.environ["CSAD_WEIGHTS"]) if os.environ.get("CSAD_WEIGHTS") else None
    if reasons := missing(folder):
        print("Nothing was run:", *(f"- {reason}" for reason in reasons), sep="\n")
        sys.exit(2)
    assert folder is not None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    own: dict[str, object] = {"backbone.weights": str(folder / f"{BACKBONE}.safetensors")}
    if options.penalty:
        own["lgst.penalty"] = str(options.penalty)
    try:
        category = _category(options.data, options.category)
        paper = line_of("loco", category, "paper", BASE, own)
        default = ProductLine(name=category.name)
        run = measure(paper, category, BASE, options.seed, options.output / "paper", options.runs)
        place = Path(category.name) / f"{BASE.name}-{options.seed}" / "model"
        print(table(("stage", "seconds"), stage_seconds(options.output / "paper" / place)))
        main_result = build_table(1, Runs({BASE.name: {category.name: [run]}}, comparable=False))
        print(table(main_result.head, main_result.rows))
        measure(default, category, BASE, options.seed, options.output / "default", 0)
        rows = [
            row
            for name in ("paper", "default")
            for row in time_forms(name, options.output / name / place, options.runs)
        ]
    except CsadError as error:
        sys.exit(f"Error: {error}")
    print(table(("network", "form", "ms", "images/s", "device"), rows))


def _category(data: Path, name: str) -> Category:
    found = find_data_set("loco", data)
    for category in found.categories:
        if category.name == name:
            return replace(category, folder=category.folder.resolve())
    raise CsadError(f"{data} holds no whole {name}: {'; '.join(found.missing)}")


if __name__ == "__main__":
    main()
