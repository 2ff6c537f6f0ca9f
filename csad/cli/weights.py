"""`csad weights`: published weights of the models."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csad.common.errors import WeightsError

if TYPE_CHECKING:
    from csad.weights.sync import Mirror

FOLDER = click.option(
    "--folder",
    envvar="CSAD_WEIGHTS",
    default=Path("weights"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The weights folder; also from the environment variable CSAD_WEIGHTS.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
NAMES = click.argument("names", nargs=-1, metavar="[NAME]...")


@click.group()
def weights() -> None:
    """Bring the published weights of the models into a folder, and into the store for the cluster.

    \b
    Examples:
      csad weights list
      csad weights sync                                    all of them, about 9 GB
      csad weights sync sam_hq_vit_tiny wide_resnet50_2.tv2_in1k
      csad weights import /media/usb/weights               a machine without internet access
      csad weights push convnext_tiny.in12k FILE           a file of your own: backbone.weights: weights://NAME
      csad weights verify

    \b
    Nothing is downloaded from the internet when a line trains: it reads the folder that CSAD_WEIGHTS names,
    and pods fetch what their stage needs from the store.
    Where a store is named (CSAD_STORE_ENDPOINT, see `csad data --help`), files come from there first and
    are mirrored into it. The sha256 of a file is recorded when it is first seen; a changed file is refused
    ever after. Pickles are read without running their code and kept as safetensors.
    The embedded backbone needs none of this.
    """


@weights.command(name="list")
@FOLDER
@click.option("--store", "of_store", is_flag=True, help="List what the store has for pods, your own files among it.")
@JSON
def list_weights(folder: Path, of_store: bool, as_json: bool) -> None:
    """List what there is, what it is for, and whether it is here.

    \b
    Example:
      csad weights list
      csad weights list --store --json    what pods can have, and the digests for a line's pinned_weights
    """
    from csad.common.humanize import size
    from csad.common.tables import table
    from csad.weights.catalogue import read_catalogue
    from csad.weights.digests import read_digests
    from csad.weights.intake import is_present

    if of_store:
        _list_store(as_json)
        return
    known = read_digests(folder)
    rows = []
    for entry in read_catalogue():
        present = entry.installed() if entry.package else is_present(entry, folder)
        seen = known.get(entry.name)
        digests = {"sha256": seen.published if seen else None, "stored_sha256": seen.stored if seen else None}
        rows.append({**entry.model_dump(exclude={"sha256"}), "present": present, **digests})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    head = ("name", "size", "licence", "present", "for")
    cells = [
        (row["name"], size(1e6 * row["megabytes"]), row["licence"], "yes" if row["present"] else "no", row["purpose"])
        for row in rows
    ]
    click.echo(table(head, cells))


@weights.command()
@NAMES
@FOLDER
@click.option("--from", "base", metavar="URL", help="Address that serves the published files, such as a mirror.")
@click.option("--offline", is_flag=True, help="Take files from the store alone.")
@JSON
def sync(names: tuple[str, ...], folder: Path, base: str | None, offline: bool, as_json: bool) -> None:
    """Bring what is missing: from the store, else by download. The same command again resumes after an interruption.

    \b
    Examples:
      csad weights sync
      csad weights sync sam_hq_vit_h --folder /models
      csad weights sync --from https://mirror.example.com/weights
    """
    from csad.weights.catalogue import choose, read_catalogue
    from csad.weights.sync import sync as bring

    entries = choose(read_catalogue(), names)
    came = bring(entries, folder, _mirror(), base, download_allowed=not offline)
    _say(came, folder, as_json)


@weights.command(name="import")
@click.argument("source", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@NAMES
@FOLDER
@JSON
def import_weights(source: Path, names: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Take in published files that somebody carried over, by their published names.

    \b
    Example:
      csad weights import /media/usb/weights
    """
    from csad.weights.catalogue import choose, read_catalogue
    from csad.weights.sync import import_folder

    taken = import_folder(choose(read_catalogue(), names), source, folder, _mirror())
    _say({name: str(path) for name, path in taken.items()}, folder, as_json)


@weights.command()
@click.argument("name", metavar="NAME")
@click.argument("source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@FOLDER
@click.option("--renew", "renewed", is_flag=True, help="Take the place of another file of this name.")
@JSON
def push(name: str, source: Path, folder: Path, renewed: bool, as_json: bool) -> None:
    """Put a file of your own into the weights folder and the store: lines and pods then know it as weights://NAME.

    FILE is .safetensors, or a pickle of nothing but tensors, which is kept as .safetensors.
    A line that pins the digest of a file that was renewed keeps the old one.

    \b
    Example:
      csad weights push convnext_tiny.in12k model.safetensors
    """
    from csad.cli.store import connect
    from csad.weights import own
    from csad.weights.mirror import StoreMirror

    take = own.renew if renewed else own.push
    digests = take(name, source, folder, StoreMirror(connect()))
    if as_json:
        click.echo(json.dumps({name: digests.stored}, indent=2))
        return
    click.echo(f"weights://{name} is in the store, sha256 {digests.stored}")


@weights.command()
@NAMES
@FOLDER
@JSON
def verify(names: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Read every file of the folder and compare it with its recorded digest; exits with 1 if one is not right.

    \b
    Example:
      csad weights verify
    """
    from csad.weights.catalogue import choose, read_catalogue
    from csad.weights.digests import read_digests
    from csad.weights.intake import check

    known = read_digests(folder)
    entries = choose(read_catalogue(), names)
    chosen = [entry for entry in entries if entry.file and (names or entry.name in known)]
    problems = {entry.name: problem for entry in chosen if (problem := check(entry, folder))}
    if as_json:
        click.echo(json.dumps({entry.name: problems.get(entry.name) for entry in chosen}, indent=2))
    elif not problems:
        click.echo(f"{len(chosen)} files in {folder} are what they were when they were first seen")
    if problems:
        raise WeightsError("\n".join(problems.values()))


def _list_store(as_json: bool) -> None:
    from csad.cli.store import connect
    from csad.common.humanize import size
    from csad.common.tables import table
    from csad.weights.mirror import StoreMirror

    known = StoreMirror(connect()).all()
    if as_json:
        click.echo(json.dumps({name: digests.stored for name, digests in known.items()}, indent=2))
        return
    cells = [(name, size(digests.bytes), digests.stored) for name, digests in known.items()]
    click.echo(table(("name", "size", "sha256"), cells))


def _mirror() -> "Mirror | None":
    """The store's mirror; None where the environment names no store."""
    import os

    from csad.cli.store import connect
    from csad.store.settings import ENDPOINT

    if not os.environ.get(ENDPOINT):
        return None
    from csad.weights.mirror import StoreMirror

    return StoreMirror(connect())


def _say(came: dict[str, str], folder: Path, as_json: bool) -> None:
    from csad.common.tables import table

    if as_json:
        click.echo(json.dumps(came, indent=2))
        return
    click.echo(table(("name", "from"), sorted(came.items())))
    click.echo(f"next: export CSAD_WEIGHTS={folder.resolve()}", err=True)
