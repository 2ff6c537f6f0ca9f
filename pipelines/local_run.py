"""Run the training pipeline on this machine: the same tasks as in a cluster, one process each, no container."""

import os
import re
import shutil
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

from kfp import local

from csad.common.commit import VARIABLE as COMMIT
from csad.common.errors import StageError
from csad.config.line import ProductLine
from csad.gate.decision import GateDecision, read_decision
from csad.images.outputs import require_outside
from csad.runner.data_source import STORED, locate
from csad.runner.files import copy_file, replace_folder, translate_os_errors
from csad.runner.model_place import require_model_or_nothing
from csad.runner.stage import RECORD
from csad.runner.stage_runner import StageRunner
from csad.runner.task import STORE_VARIABLE
from csad.store.objects import ObjectStore
from csad.store.settings import ENDPOINT, StoreSettings
from kfp_client.names import TRAINING
from kfp_client.parameters import git_commit, run_yaml
from pipelines.local_console import LocalConsole
from pipelines.local_process import quiet_runner, variables_set
from pipelines.local_store import local_store, push_images
from pipelines.shape import Shape
from pipelines.training import training_locally

ARTIFACTS_OF_RUN = re.compile(rf"{TRAINING}(-\d+){{7}}")
"""Names that the runner gives them: the pipeline and the time, from the year to microseconds."""


@dataclass(frozen=True)
class LocalRun:
    """What a run left behind.

    Attributes:
        model: The model folder.
        report: The evaluation, one HTML page.
        table: The evaluation as text.
        gate: Why the model was registered, or not, in one sentence.
        version: Version of the registered model; None where the gate did not accept it.
        store: Where it is registered: a folder, or the address of a store.
    """

    model: Path
    report: Path
    table: str
    gate: str
    version: str | None
    store: str


def run_locally(line: ProductLine, data: str, seed: int, output: Path) -> LocalRun:
    """Execute the pipeline; finished stages of an earlier or interrupted run are reused.

    The images go through a store and the model into its registry, as on a cluster: the store that the environment
    names, or one that runs here for as long as this does and keeps its files in `<output>/store`.

    Args:
        line: Product line.
        data: Folder of the images, or store://LINE.
        seed: Seed of the run.
        output: Folder for model, report.html, evaluation.json, gallery.html, gate.html, run.log and the stages.

    Raises:
        DatasetError: There are no images.
        StageError: `<output>/model` is something else, a task failed, or the output cannot be written.
        StoreError: The store does not start or does not answer.
    """
    require_model_or_nothing(output / "model")
    if not data.startswith(STORED):
        require_outside(locate(data), output, "--output")
    runner = StageRunner(output / "stages", line, seed)
    started = time.time()
    with translate_os_errors(output), runner.working(), local_store(output / "store") as settings:
        uri = data if data.startswith(STORED) else push_images(settings, line, Path(data))
        parameters = {
            "line_yaml": run_yaml(line),
            "data_uri": uri,
            "seed": seed,
        }
        # One task finds all masks: in a loop kfp.local 2.17 confuses what earlier tasks returned with the loop's item.
        shape = replace(Shape.of(line), shards=1)
        outputs = _execute(shape, parameters, settings, output)
        evaluation = Path(outputs["evaluation"].path)
        replace_folder(Path(outputs["model"].path), output / "model", leave_out=(RECORD,))
        for name in ("report.html", "evaluation.json"):
            copy_file(evaluation / name, output / name)
        copy_file(Path(outputs["gallery"].path), output / "gallery.html")
        copy_file(Path(outputs["gate_report"].path), output / "gate.html")
        runner.prune(since=started)
        table = (evaluation / "evaluation.txt").read_text(encoding="utf-8").strip()
        place = settings.url if os.environ.get(ENDPOINT) else str(output / "store")
        decision = read_decision(Path(outputs["gate"].path))
        version = _registered(settings, output / "model", evaluation, decision)
    return LocalRun(output / "model", output / "report.html", table, _verdict(decision), version, place)


def _verdict(decision: GateDecision) -> str:
    return f"{'accepted' if decision.accepted else 'refused'}: {decision.reason}"


def _registered(settings: StoreSettings, model: Path, evaluation: Path, decision: GateDecision) -> str | None:
    """The version that packaging made of an accepted model, now or in an earlier run."""
    if not decision.accepted:
        return None
    # These bring torch along, which would take memory from the tasks.
    from csad.packaging.known_versions import find_packaged
    from csad.packaging.provenance import Provenance, read_score_kinds, read_scores
    from csad.scoring.model_folder import read_manifest

    provenance = Provenance.of(
        read_manifest(model), git_commit(), read_scores(evaluation), read_score_kinds(evaluation)
    )
    version = find_packaged(ObjectStore.connect(settings), provenance, decision)
    return version.version if version else None


def _execute(shape: Shape, parameters: dict[str, object], settings: StoreSettings, output: Path) -> dict:
    log = output / "run.log"
    artifacts = output / "artifacts"
    _remove_artifacts(artifacts)
    environment = {
        **settings.to_environment(),
        STORE_VARIABLE: str((output / "stages").resolve()),
        COMMIT: git_commit(),
        "PYTHONUNBUFFERED": "1",
    }
    with log.open("w", encoding="utf-8") as log_file:
        console = LocalConsole(sys.stdout, log_file)
        with variables_set(environment), redirect_stdout(console), quiet_runner():
            local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(artifacts))
            try:
                run = training_locally(shape)(**parameters)
            except RuntimeError as error:
                raise StageError(console.failure or f"the pipeline stopped; {log} has every line of it") from error
    return run.outputs


def _remove_artifacts(folder: Path) -> None:
    """Remove what tasks of earlier runs left; a folder of that name may hold a user's own files, too."""
    for run in folder.glob(f"{TRAINING}-*"):
        if ARTIFACTS_OF_RUN.fullmatch(run.name):
            shutil.rmtree(run, ignore_errors=True)
