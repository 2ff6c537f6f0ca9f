"""`python -m pipelines score` and `score-here`: a batch of images, on a cluster or on this machine."""

import json
import tempfile
from pathlib import Path

import click

from pipelines.batch import MOST_SHARDS, SHARDS
from pipelines.options import (
    account_option,
    cpu_option,
    endpoint_option,
    json_option,
    namespace_option,
    small_option,
)

line_argument = click.argument(
    "file", metavar="LINE.yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
version_option = click.option(
    "--version",
    default="",
    help='Registered version, as `csad models list` names it, or "latest".  [default: the one in service]',
)


@click.command()
@line_argument
@click.option(
    "--images",
    required=True,
    help="s3://BUCKET/PREFIX/ in the store, or a list: s3://BUCKET/LIST.txt, or a text file here with an s3:// address "
    "a line.",
)
@version_option
@click.option(
    "--out", default="", help="s3://BUCKET/KEY.parquet.  [default: batches/NAME/results/ in csad's own store]"
)
@click.option(
    "--shards",
    default=SHARDS,
    show_default=True,
    type=click.IntRange(1, MOST_SHARDS),
    help="Tasks that score at the same time.",
)
@cpu_option
@small_option
@endpoint_option
@namespace_option
@account_option
@json_option
def score(
    file: Path,
    images: str,
    version: str,
    out: str,
    shards: int,
    cpu_only: bool | None,
    small: bool,
    endpoint: str | None,
    kfp_namespace: str | None,
    service_account: str,
    as_json: bool,
) -> None:
    """Score a batch of images on a cluster with a registered model, into one Parquet file.

    What is scored stays in the store: after an interruption, or when images have been added, the same command scores
    only what is new. Without --gpu or --cpu-only a line asks for GPUs only where its models have no exported graph.

    \b
    Examples:
      python -m pipelines score lines/bottles.yaml --images s3://camera/2026-11-29/
      python -m pipelines score lines/bottles.yaml --images list.txt --out s3://camera/scores.parquet --shards 16
    """  # noqa: D301
    from dataclasses import replace

    from components.images import check_device
    from csad.config.line import ProductLine
    from kfp_client.server import Server
    from kfp_client.submission import submit_batch
    from pipelines.batch import BatchShape
    from pipelines.batch_submission import batch_parameters
    from pipelines.packages import compile_batch

    line = ProductLine.from_file(file)
    shape = BatchShape.of(line, check_device(cpu_only), shards, small)
    if cpu_only is False:
        shape = replace(shape, gpu=True)
    parameters = batch_parameters(line, images, version, out)
    server = Server.connect(endpoint, kfp_namespace)
    with tempfile.TemporaryDirectory() as folder:
        package = compile_batch(line, shape, Path(folder))
        started = submit_batch(server, line, package, parameters, service_account or None)
    if as_json:
        click.echo(json.dumps(vars(started)))
        return
    click.echo(f"started run {started.run} in experiment {started.experiment}, version {started.version}")
    click.echo(started.address)


@click.command()
@line_argument
@click.option(
    "--images",
    required=True,
    help="Folder, s3://BUCKET/PREFIX/, or a text file with a path or an s3:// address a line.",
)
@version_option
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Parquet file. Results of other images are not replaced.",
)
@click.option(
    "--run",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that `python -m pipelines run` wrote; its store has the model, unless CSAD_STORE_ENDPOINT names "
    "another.  [default: local_outputs/NAME]",
)
@click.option(
    "--shards", default=1, show_default=True, type=click.IntRange(1, 64), help="Tasks that divide the images."
)
@json_option
def score_here(
    file: Path, images: str, version: str, out: Path, folder: Path | None, shards: int, as_json: bool
) -> None:
    """Score a batch of images through the same pipeline, on this machine.

    The same command again resumes after an interruption. An image that cannot be read has a row that says why, the
    others are scored, and the exit code is 1.

    \b
    Example:
      python -m pipelines score-here lines/bottles.yaml --images incoming/ --version latest --out scores.parquet
    """  # noqa: D301
    from csad.common.errors import ImageError
    from csad.config.line import ProductLine
    from pipelines.batch_local import score_locally

    line = ProductLine.from_file(file)
    counts = score_locally(line, images, version, out, folder or Path("local_outputs") / line.name, shards)
    if as_json:
        click.echo(json.dumps(vars(counts)))
    else:
        click.echo(f"{counts.anomalous} of {counts.images} anomalous, {counts.reused} scored before; {out}")
    if counts.unreadable:
        raise ImageError(
            f"{counts.unreadable} of {counts.images} images could not be scored; their rows in {out} say why"
        )
