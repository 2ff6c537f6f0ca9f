"""Run the batch pipeline on this machine: the same tasks as in a cluster, one process each, no container."""

import os
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path

from kfp import local

from csad.batch.merging import Counts
from csad.batch.places import require_same_source
from csad.batch.sources import source_of
from csad.common.errors import StageError, StoreError
from csad.config.line import ProductLine
from csad.images.outputs import require_no_image_in
from csad.runner.files import copy_file, translate_os_errors
from csad.runner.stage_runner import StageRunner
from csad.store.buckets import SCHEME
from csad.store.settings import ENDPOINT, StoreSettings
from pipelines.batch import BatchShape, batch_locally
from pipelines.local_console import LocalConsole
from pipelines.local_process import quiet_runner, variables_set
from pipelines.local_store import local_store

ARTIFACTS = "batch"
"""Folder of the artifacts of the tasks, below that of the line's runs."""


def score_locally(line: ProductLine, images: str, version: str, out: Path, folder: Path, shards: int = 1) -> Counts:
    """Score images with a registered model; what is scored stays in the store, so the same again resumes.

    Args:
        line: Product line whose model scores.
        images: Folder, s3://BUCKET/PREFIX/, or a list.
        version: Version of the model, "latest", or "" for the one in service.
        out: Parquet file to write.
        folder: Folder that `python -m pipelines run` wrote: its store has the model, unless the environment names one.
        shards: Tasks that divide the images, one after the other or side by side as KFP's local runner does.

    Raises:
        DatasetError: `out` holds something else, or there are no images.
        StoreError: There is no store with a model, or it does not answer.
        StageError: A task failed, or a file cannot be written.
    """
    source = source_of(images)
    if not images.startswith(SCHEME):
        require_no_image_in(Path(images), out, "--out")
    if out.exists():
        require_same_source(out, source, str(out))
    if not os.environ.get(ENDPOINT) and not (folder / "store").is_dir():
        raise StoreError(
            f"{folder / 'store'} does not exist, so there is no model: run `python -m pipelines run` first, name its "
            "folder with --run, or set CSAD_STORE_ENDPOINT to the store that has the model"
        )
    runner = StageRunner(folder / "stages", line, 0)
    with translate_os_errors(out), runner.working(), local_store(folder / "store") as settings:
        given = {"line": line.name, "images": source, "version": version}
        results = _execute(BatchShape(shards), given, settings, folder)
        copy_file(results, out)
        shutil.rmtree(folder / ARTIFACTS, ignore_errors=True)
    return Counts.read(out)


def _execute(shape: BatchShape, given: dict[str, object], settings: StoreSettings, folder: Path) -> Path:
    """Run the tasks; the results' own file."""
    log = folder / "batch.log"
    artifacts = folder / ARTIFACTS
    shutil.rmtree(artifacts, ignore_errors=True)
    environment = {**settings.to_environment(), "PYTHONUNBUFFERED": "1"}
    with log.open("w", encoding="utf-8") as log_file:
        console = LocalConsole(sys.stderr, log_file)
        with variables_set(environment), redirect_stdout(console), quiet_runner():
            local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(artifacts))
            try:
                run = batch_locally(shape)(**given)
            except RuntimeError as error:
                raise StageError(console.failure or f"the pipeline stopped; {log} has every line of it") from error
    return Path(run.output.path)
