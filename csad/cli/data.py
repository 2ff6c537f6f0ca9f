"""`csad data`: data sets in the store."""

import contextlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csad.cli.store import connect
from csad.common.errors import StoreError
from csad.common.humanize import size

if TYPE_CHECKING:
    from csad.store.snapshots import DatasetVersion

SHOWN = 20


@click.group()
def data() -> None:
    """Keep the images of every line in an S3 store, in versions that never change.

    \b
    Examples:
      csad data push data/bottles --line bottles
      csad data list bottles
      csad data verify bottles
      csad data pull bottles copy/
      csad data prune bottles

    \b
    Pipelines read a version as store://bottles (the last one pushed) or store://bottles@DIGEST.
    A version's digest is over names and contents of its files; each content is stored once per line,
    so a new version costs what is new in it.

    \b
    The store is named by the environment (in a cluster by a secret):
      CSAD_STORE_ENDPOINT    http://host:port of MinIO, SeaweedFS or another S3 store
      AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or AWS_PROFILE of ~/.aws/credentials
      CSAD_STORE_BUCKET      csad unless set
      CSAD_STORE_PREFIX, AWS_REGION
    """


@data.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--line", "name", help="Name of the product line; files are stored unopened.")
@click.option(
    "--line-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Product line file: every image is opened first, as the line's own training would, and bad ones stay behind.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def push(folder: Path, name: str | None, line_file: Path | None, as_json: bool) -> None:
    """Store the images of DIR as a version of a line's data, and print its digest.

    Only what the line does not have yet travels. The same command again resumes after an interruption;
    before the last file has arrived nobody sees the new version.

    \b
    Examples:
      csad data push data/bottles --line bottles
      csad data push data/bottles --line-file lines/bottles.yaml --json
    """
    if (name is None) == (line_file is None):
        raise click.UsageError("give either --line NAME or --line-file LINE.yaml")
    from csad.store.names import check_line
    from csad.store.push import push_checked, push_dataset

    with contextlib.redirect_stdout(sys.stderr):
        if line_file is not None:
            from csad.config.line import ProductLine
            from csad.images import scan

            line = ProductLine.from_file(line_file)
            store = connect()
            version = push_checked(store, scan(folder, line), line.name)
        else:
            version = push_dataset(connect(), folder, check_line(name or ""))
    click.echo(json.dumps(asdict(version), indent=2) if as_json else version.digest)
    click.echo(f"next: train on store://{version.line}, or on store://{version.line}@{version.digest[:12]}", err=True)


@data.command(name="list")
@click.argument("line", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, an object per version.")
def list_versions(line: str | None, as_json: bool) -> None:
    """List the versions of a line's data, or of all lines' data, oldest first.

    \b
    Examples:
      csad data list
      csad data list bottles --json
    """
    from csad.common.tables import table
    from csad.store.datasets import list_datasets, list_lines

    store = connect()
    lines = list_lines(store) if line is None else [line]
    versions = [version for one in lines for version in list_datasets(store, one)]
    if as_json:
        click.echo(json.dumps([asdict(version) for version in versions], indent=2))
        return
    if versions:
        click.echo(table(("line", "digest", "images", "size", "pushed"), [_row(version) for version in versions]))
    else:
        click.echo("no data in the store yet; push some: csad data push DIR --line NAME", err=True)


@data.command()
@click.argument("line")
@click.option("--digest", help="Version, by 8 digits or more.  [default: the one pushed last]")
@click.option(
    "--remove-damaged", is_flag=True, help="Remove what is damaged, so that pushing the same images stores it again."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list of what is wrong.")
def verify(line: str, digest: str | None, remove_damaged: bool, as_json: bool) -> None:
    """Read every object of a version back and compare it with its digest; exits with 1 if one is not right.

    \b
    Examples:
      csad data verify bottles
      csad data verify bottles --digest 840cc53df0ca --remove-damaged
    """
    from csad.store import datasets

    check = datasets.remove_damaged if remove_damaged else datasets.verify_dataset
    with contextlib.redirect_stdout(sys.stderr):
        problems = check(connect(), line, digest)
    if as_json:
        click.echo(json.dumps(problems, indent=2))
    elif not problems:
        click.echo("every object is there and as it was pushed")
    if problems:
        named = "\n".join(f"  {problem}" for problem in problems[:SHOWN])
        more = f"\n  and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        remedy = "push the same images again to store them anew" if remove_damaged else "see --remove-damaged"
        raise StoreError(f"{len(problems)} files of line {line} cannot be used; {remedy}:\n{named}{more}")


@data.command()
@click.argument("line")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--digest", help="Version, by 8 digits or more.  [default: the one pushed last]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def pull(line: str, folder: Path, digest: str | None, as_json: bool) -> None:
    """Fetch a version of a line's data into DIR, every file checked.

    The same command again resumes after an interruption; images show in DIR when all have come.

    \b
    Example:
      csad data pull bottles copy/
    """
    from csad.store.datasets import pull_dataset

    with contextlib.redirect_stdout(sys.stderr):
        version = pull_dataset(connect(), line, digest, folder)
    click.echo(json.dumps(asdict(version), indent=2) if as_json else str(folder))


@data.command()
@click.argument("line", required=False)
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(1),
    help="Remove what no run has used for so long before the line's last run; what that one used stays.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, an object per line.")
def prune(line: str | None, days: int, as_json: bool) -> None:
    """Remove packed images and scored chunks that old runs of LINE, or of all lines, left in the store.

    Versions that were pushed stay, and so do models and results of batches. Every training run on a cluster does this
    for the packed images of its own line with 30 days, every batch for its line's chunks: those of batches that never
    finished, so much older than the last one. What is removed too early is packed or scored again when it is needed.

    \b
    Examples:
      csad data prune
      csad data prune bottles --days 7
    """
    from csad.batch.cleaning import lines_with_chunks, prune_chunks
    from csad.store.prune import lines_with_packed_sets, prune_packed_sets

    store = connect()
    lines = sorted({*lines_with_packed_sets(store), *lines_with_chunks(store)}) if line is None else [line]
    pruned = [(prune_packed_sets(store, one, days), prune_chunks(store, one, days)) for one in lines]
    if as_json:
        click.echo(json.dumps([{**asdict(one), "chunks": asdict(chunks)} for one, chunks in pruned], indent=2))
    for one, chunks in [] if as_json else pruned:
        click.echo(f"{one.line}: removed {one.files} packed files ({size(one.bytes)}), {one.kept} stay")
        if chunks.files or chunks.kept:
            removed = f"{chunks.files} chunks of batches that never finished ({size(chunks.bytes)})"
            click.echo(f"{one.line}: removed {removed}, {chunks.kept} stay")


def _row(version: "DatasetVersion") -> tuple[str, ...]:
    return (
        version.line,
        version.digest[:12],
        str(version.images),
        size(version.bytes),
        version.created[:19].replace("T", " "),
    )
