"""Run the training pipeline on this machine: the same tasks as in a cluster, one process each, no container."""

import logging
import os
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from kfp import local

from csad.errors import StageError
from csad.line import ProductLine
from csad.stages.files import link_or_copy, replace_folder, writing
from csad.stages.stage import RECORD
from csad.stages.stage_runner import StageRunner
from csad.stages.task import STORE_VARIABLE
from pipelines.local_console import LocalConsole
from pipelines.training import training_here


@dataclass(frozen=True)
class LocalRun:
    """What a run left behind.

    Attributes:
        model: The model folder.
        report: The evaluation, one HTML page.
        table: The evaluation as text.
    """

    model: Path
    report: Path
    table: str


def run_here(line: ProductLine, data: Path, seed: int, output: Path) -> LocalRun:
    """Execute the pipeline; finished stages of an earlier or interrupted run are reused.

    Args:
        line: Product line.
        data: Folder of the images.
        seed: Seed of the run.
        output: Folder for model, report.html, evaluation.json, gallery.html, run.log and the stages.

    Raises:
        StageError: A task failed, or the output cannot be written.
    """
    runner = StageRunner(output / "stages", line, seed)
    started = time.time()
    with writing(output), runner.working():
        outputs = _execute(line.to_yaml(), data, seed, output)
        evaluation = Path(outputs["evaluation"].path)
        replace_folder(Path(outputs["model"].path), output / "model", leave_out=(RECORD,))
        for name in ("report.html", "evaluation.json"):
            link_or_copy(evaluation / name, output / name)
        link_or_copy(Path(outputs["gallery"].path), output / "gallery.html")
        runner.prune(since=started)
        table = (evaluation / "evaluation.txt").read_text(encoding="utf-8").strip()
    return LocalRun(output / "model", output / "report.html", table)


def _execute(line_yaml: str, data: Path, seed: int, output: Path) -> dict:
    log = output / "run.log"
    artifacts = output / "artifacts"
    shutil.rmtree(artifacts, ignore_errors=True)
    with log.open("w", encoding="utf-8") as log_file:
        console = LocalConsole(sys.stdout, log_file)
        environment = {STORE_VARIABLE: str((output / "stages").resolve()), "PYTHONUNBUFFERED": "1"}
        with _environment(environment), redirect_stdout(console), _quiet_runner():
            local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(artifacts))
            try:
                run = training_here(line_yaml=line_yaml, data_uri=str(data.resolve()), seed=seed)
            except RuntimeError as error:
                raise StageError(console.failure or f"the pipeline stopped; {log} has every line of it") from error
    return run.outputs


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _quiet_runner() -> Iterator[None]:
    """Keep the local runner's own messages back; the tasks are other processes."""
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*non-Python base image.*", category=RuntimeWarning)
            yield
    finally:
        logging.disable(logging.NOTSET)
