"""`csad models`: registered models and which of them is in use."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from csad.cli.store import connect
from csad.common.errors import StoreError

if TYPE_CHECKING:
    from csad.store.champion import Champion
    from csad.store.registry import ModelVersion


@click.group()
def models() -> None:
    """See the registered models of a line, and choose which one is in use.

    \b
    Examples:
      csad models list bottles
      csad models show bottles 20261124T101500Z-0123abcd
      csad models promote bottles 20261124T101500Z-0123abcd
      csad models rollback bottles

    \b
    A version never changes: model, labels (data, code, settings, seed, scores) and what belongs to it.
    The champion is the version in use. Of two promotions at the same time exactly one wins.
    The store is named by the environment: see `csad data --help`.
    """


@models.command(name="list")
@click.argument("line")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, an object per version.")
def list_versions(line: str, as_json: bool) -> None:
    """List the versions of a line, oldest first; * marks the champion.

    \b
    Example:
      csad models list bottles
    """
    from csad.common.tables import table
    from csad.store.champion import read_champion
    from csad.store.registry import list_models

    store = connect()
    versions = list_models(store, line)
    champion = read_champion(store, line)
    if as_json:
        click.echo(json.dumps([_to_json(version, champion) for version in versions], indent=2))
        return
    if versions:
        head = ("", "version", "data", "code", "seed", "scores")
        click.echo(table(head, [_row(version, champion) for version in versions]))
    else:
        click.echo(f"line {line} has no models in the store yet; its pipeline registers them", err=True)


@models.command()
@click.argument("line")
@click.argument("version", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(line: str, version: str | None, as_json: bool) -> None:
    """Show labels and files of a version, or of the champion.

    \b
    Examples:
      csad models show bottles
      csad models show bottles 20261124T101500Z-0123abcd --json
    """
    from csad.common.tables import table
    from csad.store.champion import read_champion
    from csad.store.registry import show_model

    store = connect()
    champion = read_champion(store, line)
    if version is None and champion is None:
        raise StoreError(f"line {line} has no champion yet; name a version: see `csad models list {line}`")
    wanted = version if version is not None else champion.version if champion is not None else ""
    model = show_model(store, line, wanted)
    if as_json:
        click.echo(json.dumps(_to_json(model, champion), indent=2))
        return
    labels = model.labels
    rows = [
        ("version", model.version),
        ("champion", "yes" if champion is not None and champion.version == model.version else "no"),
        ("registered", model.created),
        ("data", labels.snapshot_digest),
        ("code", labels.git_commit),
        ("settings", labels.config_digest),
        ("seed", str(labels.seed)),
        ("scores", _scores(model) or "-"),
        *((f"{name} is over", ", ".join(kinds)) for name, kinds in labels.score_kinds.items()),
    ]
    click.echo(table(("line", model.line), rows))
    click.echo()
    files = [(name, str(record.bytes), record.sha256) for name, record in sorted(model.files.items())]
    click.echo(table(("file", "bytes", "sha256"), files))


@models.command()
@click.argument("line")
@click.argument("version")
@click.option("--replacing", help="Only if this version is the champion now.  [default: whichever is]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def promote(line: str, version: str, replacing: str | None, as_json: bool) -> None:
    """Make a version the champion. Exits with 1, and changes nothing, if somebody else was faster.

    This moves the pointer alone: a running service takes the new champion when it is deployed.

    \b
    Examples:
      csad models promote bottles 20261124T101500Z-0123abcd
      csad models promote bottles 20261124T101500Z-0123abcd --replacing 20261117T101500Z-89abcdef
    """
    from csad.store.champion import promote as move
    from csad.store.champion import read_champion

    store = connect()
    expected = read_champion(store, line)
    if replacing is not None and (expected is None or expected.version != replacing):
        found = f"it is {expected.version}" if expected is not None else "there is none"
        raise StoreError(f"{version} was not promoted: the champion of line {line} is not {replacing}, {found}")
    _say(move(store, line, version, expected=expected), as_json)


@models.command()
@click.argument("line")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rollback(line: str, as_json: bool) -> None:
    """Make the version that was in use before the champion again.

    \b
    Example:
      csad models rollback bottles
    """
    from csad.store.champion import rollback as move

    _say(move(connect(), line), as_json)


def _say(champion: "Champion", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"version": champion.version, "previous": list(champion.previous)}, indent=2))
        return
    click.echo(champion.version)
    before = f"before it: {champion.previous[0]}" if champion.previous else "it is the first one"
    click.echo(f"the champion is {champion.version}; {before}", err=True)


def _to_json(model: "ModelVersion", champion: "Champion | None") -> dict[str, object]:
    return asdict(model) | {"champion": champion is not None and champion.version == model.version}


def _row(model: "ModelVersion", champion: "Champion | None") -> tuple[str, ...]:
    labels = model.labels
    return (
        "*" if champion is not None and champion.version == model.version else "",
        model.version,
        labels.snapshot_digest[:12],
        labels.git_commit[:12],
        str(labels.seed),
        _scores(model),
    )


def _scores(model: "ModelVersion") -> str:
    return ", ".join(
        f"{name} {'-' if value is None else f'{value:.1f}'}" for name, value in sorted(model.labels.scores.items())
    )
