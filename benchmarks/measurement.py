"""One training and its evaluation as a file: measured once, then read."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.datasets import FULL, ROOT, DataSet, Variant
from benchmarks.decisions import Count, Decisions
from benchmarks.pseudo_label_quality import measure_pseudo_labels
from benchmarks.stored import StoredResult
from csad.common import atomic
from csad.common.errors import CsadError
from csad.runner.code import code_version
from csad.runner.files import replace_folder

CSAD = (sys.executable, "-m", "csad.cli")
BRANCH_FIGURES = ("logical", "structural", "mean")


class Measurement(StoredResult):
    """What one training run gave.

    Attributes:
        data_set: Name of the data set.
        variant: Name of the settings.
        seed: Random seed of the run.
        line: The product line, as YAML.
        code: Version and digest of csad's code.
        date: Date of the end of the training, UTC.
        machine: Processor and cores that the run could use.
        training_seconds: Wall time of the training; None where it took over stages of another run.
        peak_megabytes: Largest resident memory of the training process; None as above.
        auroc: Per branch, group and "full": "logical", "structural", "mean" image AUROC in percent; None where absent.
        background_only_auroc: Mean image AUROC of the bare background; None where the scorer does not offer it.
        spro: Mean sPRO in percent by limit of the false positive rate; None without masks.
        found: Anomalous test images above the threshold, per kind.
        good: Good test images above it.
        false_reject_rate: False-reject rate of the good test images, 0..1.
        validation_false_reject_rate: False-reject rate of the validation images that chose the threshold.
        validation_vs_test_good_auroc: 50 where both were taken alike.
        pseudo_label_iou: Mean IoU against true label maps, 0..1; None where nobody knows them.
    """

    data_set: str
    variant: str
    seed: int
    line: str
    code: str
    date: str
    machine: str
    training_seconds: float | None
    peak_megabytes: float | None
    auroc: dict[str, dict[str, float | None]]
    background_only_auroc: float | None
    spro: dict[str, float] | None
    found: dict[str, Count]
    good: Count
    false_reject_rate: float | None
    validation_false_reject_rate: float | None
    validation_vs_test_good_auroc: float | None
    pseudo_label_iou: float | None

    @property
    def decisions(self) -> Decisions:
        """AUROC and decisions of the full score, to set beside the baselines."""
        kinds = {kind: self.auroc["full"].get(kind.removesuffix("_anomalies")) for kind in self.found}
        return Decisions(
            data_set=self.data_set,
            method="csad" if self.variant == FULL.name else f"csad, {self.variant}",
            seed=self.seed,
            auroc={kind: area for kind, area in kinds.items() if area is not None},
            found=self.found,
            good=self.good,
        )


@dataclass(frozen=True)
class Cost:
    """Wall time and largest resident memory of a command; None where it took over finished stages."""

    seconds: float | None
    peak_megabytes: float | None


def measure(data: DataSet, variant: Variant, seed: int, output: Path, any_code: bool) -> Measurement:
    """Train and evaluate, or read the result of an earlier call with the same settings.

    The files of a run are `<data set>-<variant>-<seed>.json`, and in a folder of that name the line file, the model,
    its finished stages, evaluation.json and report.html.

    Args:
        data: What to train on.
        variant: Settings.
        seed: Random seed of the run.
        output: Folder of all measurements.
        any_code: Take an earlier result even if csad's code has changed since.

    Raises:
        CsadError: A command failed; its own message is on the terminal.
    """
    name = f"{data.name}-{variant.name}-{seed}"
    result, folder = output / f"{name}.json", output / name
    line, code = variant.line(data.name).to_yaml(), code_version("csad.stages.training")
    earlier = Measurement.find(result)
    if earlier and earlier.line == line and (any_code or earlier.code == code):
        print(f"{name}: measured on {earlier.date}, reused", file=sys.stderr)
        return earlier
    if earlier:
        # Its stages would be reused in part, and the time of the training would say nothing.
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{name}: training", file=sys.stderr)
    atomic.write_text(folder / "line.yaml", line)
    if variant != FULL:
        _share_stages(output / f"{data.name}-{FULL.name}-{seed}", folder)
    training = train(folder, data.folder, seed)
    figures = _evaluate(folder, data.folder)
    quality = measure_pseudo_labels(_clustering(folder), data.labels).mean_iou if data.labels else None
    spro, rejects, background = figures["spro"], figures["false_rejects"], figures["background_only_auroc"]
    measurement = Measurement(
        data_set=data.name,
        variant=variant.name,
        seed=seed,
        line=line,
        code=code,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        machine=machine(),
        training_seconds=training.seconds,
        peak_megabytes=training.peak_megabytes,
        auroc={branch: {kind: row[kind] for kind in BRANCH_FIGURES} for branch, row in figures["branches"].items()},
        background_only_auroc=background["mean"] if background else None,
        spro=spro["mean"] if spro else None,
        found={kind: _count(rate) for kind, rate in figures["detection_rate"].items()},
        good=_count(rejects["test_good"]),
        false_reject_rate=figures["false_reject_rate"],
        validation_false_reject_rate=rejects["validation"]["rate"],
        validation_vs_test_good_auroc=figures["validation_vs_test_good_auroc"],
        pseudo_label_iou=quality,
    )
    atomic.write_text(result, measurement.model_dump_json(indent=2) + "\n")
    return measurement


def machine() -> str:
    """Processor model and the cores that this process may use."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        names = [
            line.partition(":")[2].strip() for line in information.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return f"{model}, {len(os.sched_getaffinity(0))} cores"


def train(folder: Path, data: Path, seed: int) -> Cost:
    """Train the line in a folder with the `csad` command, in a process of its own.

    Args:
        folder: Holds line.yaml; model and model.stages are written there.
        data: Images in LOCO layout.
        seed: Random seed of the run.

    Raises:
        CsadError: The command failed; its own message is on the terminal.
    """
    fresh = not (folder / "model.stages").exists()
    run = run_csad("train", folder / "line.yaml", "--data", data, "--output", folder / "model", "--seed", str(seed))
    return run if fresh else Cost(None, None)


def run_csad(*arguments: str | Path) -> Cost:
    """Run a `csad` command in a process of its own, its output on standard error.

    Args:
        *arguments: Such as "score", MODEL, IMAGE.

    Raises:
        CsadError: It failed; its own message is on the terminal.
    """
    started = time.monotonic()
    process = subprocess.Popen([*CSAD, *map(str, arguments)], cwd=ROOT, stdout=sys.stderr)
    # The usage of this child alone: RUSAGE_CHILDREN would hold the largest of all earlier ones.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CsadError(f"csad {arguments[0]} failed with exit code {process.returncode}; its message is above")
    return Cost(time.monotonic() - started, usage.ru_maxrss / 1024)


def _evaluate(folder: Path, data: Path) -> dict[str, Any]:
    command = ("evaluate", folder / "model", "--data", data, "--json", "--report", folder / "report.html")
    done = subprocess.run([*CSAD, *map(str, command)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise CsadError(f"evaluating {folder.name} failed with exit code {done.returncode}; its message is above")
    atomic.write_text(folder / "evaluation.json", done.stdout)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _count(rate: dict[str, Any]) -> Count:
    return Count(rate["rejected"], rate["images"])


def _share_stages(full: Path, folder: Path) -> None:
    """Let a variant start from the finished stages of the full method: only what its settings change runs again."""
    finished = full / "model.stages"
    if finished.is_dir() and not (folder / "model.stages").exists():
        for stage in sorted(finished.iterdir()):
            if stage.is_dir() and not stage.name.endswith(".partial"):
                replace_folder(stage, folder / "model.stages" / stage.name)


def _clustering(folder: Path) -> Path:
    """The one finished clustering stage: training removes those of other settings and code.

    Raises:
        CsadError: There is none.
    """
    found = [path for path in (folder / "model.stages").glob("clustering-*") if not path.name.endswith(".partial")]
    if not found:
        raise CsadError(f"{folder.name} has no finished clustering stage; remove {folder} and measure again")
    return max(found, key=lambda path: path.stat().st_mtime)
