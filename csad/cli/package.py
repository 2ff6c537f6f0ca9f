"""`csad package`: a model as a Bento that a serving image can run."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import click

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("model", type=FOLDER)
@click.option(
    "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for bento.tar.gz."
)
@click.option("--data", type=FOLDER, help="Images of the line for the check; drawings serve without it.")
@click.option("--commit", help="Git commit to put on record.  [default: that of this folder]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def package(model: Path, output: Path, data: Path | None, commit: str | None, as_json: bool) -> None:
    """Build a Bento from MODEL, serve it once over HTTP, and compare its scores with the model's own.

    Needs no network and no Docker. OUTPUT gets bento.tar.gz, smoke.json (images and scores for later checks) and
    provenance.json.

    \b
    Example:
      csad package models/bottles --output bento/ --data data/bottles
      mkdir served && tar -xzf bento/bento.tar.gz -C served && bentoml serve served
    """
    with contextlib.redirect_stdout(sys.stderr):
        from csad.images import inspect
        from csad.packaging.archive_smoke import choose_images, drawn_smoke_test, smoke_test_of
        from csad.packaging.packaging import package as build
        from csad.packaging.provenance import Provenance
        from csad.scoring.scorer import Scorer

        scorer = Scorer.load(model)
        if data is None:
            test = drawn_smoke_test(scorer)
        else:
            test = smoke_test_of(scorer, choose_images(inspect(data, scorer.line).images))
        provenance = Provenance.of(scorer.manifest, _commit_here() if commit is None else commit, {})
        done = build(model, output, provenance, test)
    if as_json:
        result = {"bento": str(done.bento), "sha256": done.sha256, "smoke": str(done.smoke)}
        click.echo(json.dumps(result | {"provenance": str(done.provenance)}, indent=2))
    else:
        click.echo(done.bento)
        click.echo(f"sha256 {done.sha256}", err=True)


def _commit_here() -> str:
    """The git commit of the working folder; empty outside of a repository."""
    with contextlib.suppress(OSError):
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.strip()
    return ""
