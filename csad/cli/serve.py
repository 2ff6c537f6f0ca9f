"""`csad serve`: answer over HTTP."""

import importlib.util
import os
import sys
from pathlib import Path

import click

from csad.cli.device import runtime_option


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="0.0.0.0 lets other machines in; set a token then."
)
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@runtime_option
@click.option("--version", default="", help="What answers call the model; its checksum without it.")
def serve(model: Path, host: str, port: int, device: str, runtime: str | None, version: str) -> None:
    """Serve a model folder: a page for people at /, an API for programs.

    \b
    Examples:
      csad serve models/bottles
      curl -F image=@photo.png http://127.0.0.1:3000/score
      curl -F images=@a.png -F images=@b.png http://127.0.0.1:3000/score_batch
      CSAD_TOKEN=secret csad serve models/bottles --host 0.0.0.0 --port 8080

    /docs.json describes every address. Limits come from the environment: CSAD_TOKEN, CSAD_TIMEOUT, CSAD_MAX_BYTES,
    CSAD_MAX_PIXELS, CSAD_MAX_FILES, CSAD_MAX_REQUESTS, CSAD_MAX_WAITING, CSAD_MAX_BATCH.
    """
    from csad.common.errors import ServingError

    if importlib.util.find_spec("bentoml") is None:
        raise ServingError("serving needs bentoml, which is not installed; run: pip install 'csad[serve]'")
    from csad.scoring.model_files import check_folder
    from csad.serving.settings import ServingSettings

    ServingSettings.from_environment()
    check_folder(model)
    environment = os.environ | {
        "CSAD_MODEL_FOLDER": str(model.resolve()),
        "CSAD_DEVICE": device,
        "BENTOML_DO_NOT_TRACK": "True",
    }
    if runtime:
        environment["CSAD_RUNTIME"] = runtime
    if version:
        environment["CSAD_MODEL_VERSION"] = version
    click.echo(f"Starting http://{host}:{port} (ready when {host}:{port}/readyz answers; Ctrl+C ends it)", err=True)
    service = "csad.serving.service:ScorerService"
    command = [sys.executable, "-m", "bentoml", "serve", service, "--host", host, "--port", str(port)]
    sys.stderr.flush()
    os.execve(sys.executable, command, environment)
