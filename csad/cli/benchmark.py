"""`csad benchmark`: the paper's tables on published data sets."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csad.common.errors import CsadError

if TYPE_CHECKING:
    from csad.config.presets import Method
    from csad.reproduction.tag_agreement import TagAgreement

_log = logging.getLogger(__name__)


@click.group()
def benchmark() -> None:
    """Train and measure on published data sets, next to the paper's figures.

    \b
    Examples:
      csad benchmark loco --data mvtec_loco --tables "1 6"
      csad benchmark mvtec-ad --data mvtec_ad --preset default
      csad benchmark folder --data data/bottles --seeds 0 --seeds 1
    """


class _Numbers(click.ParamType[tuple[int, ...]]):
    """Numbers with spaces or commas between them."""

    name = "numbers"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> tuple[int, ...]:
        """Read "1 2" or "1,2"."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in str(value).replace(",", " ").split())
        except ValueError:
            self.fail(f"{value!r} holds no whole numbers, expected such as '0 1 2'", parameter, context)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        (
            click.option(
                "--data",
                type=click.Path(exists=True, file_okay=False, path_type=Path),
                help="Folder of the data set, a folder per category.",
            ),
            click.option(
                "--tables",
                type=_Numbers(),
                default=(1,),
                help="Tables of the paper, such as '1 2 7'.  [default: 1]  1 main result, 2 components, "
                "3 none / CutPaste / LSA, 4 patch sizes, 5 student heads, 6 localisation, 7 branches.",
            ),
            click.option("--preset", type=click.Choice(["paper", "default"]), default="paper", show_default=True),
            click.option("--seeds", type=_Numbers(), default=(0,), help="Such as '0 1 2'.  [default: 0]"),
            click.option(
                "--output",
                type=click.Path(file_okay=False, path_type=Path),
                default=Path("benchmark"),
                show_default=True,
                help="Folder of models, figures and tables.md; the same again resumes where it was interrupted.",
            ),
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="KEY=VALUE",
                help="One setting of all lines, such as segmentation.epochs=5; the tables say so. May be repeated.",
            ),
            click.option(
                "--timing-runs",
                type=click.IntRange(min=0),
                default=500,
                show_default=True,
                help="Timed calls per model; 0 measures no latency.",
            ),
        )
    ):
        command = option(command)
    return command


@benchmark.command()
@_options
@click.option("--tags", is_flag=True, help="Only print how the automatic tag filter agrees with the paper's table 8.")
def loco(data: Path | None, tags: bool, **options: Any) -> None:
    """MVTec LOCO AD: breakfast_box, juice_bottle, pushpins, screw_bag, splicing_connectors.

    Runs the categories that are there and says what is missing.

    \b
    Examples:
      csad benchmark loco --data mvtec_loco --tables 1
      csad benchmark loco --tags
    """
    if tags:
        _print_tags(data)
        return
    _run("loco", data, **options)


@benchmark.command(name="mvtec-ad")
@_options
def mvtec_ad(data: Path | None, **options: Any) -> None:
    """MVTec AD, a folder per category; the paper publishes no figures of it."""
    _run("mvtec-ad", data, **options)


@benchmark.command()
@_options
def visa(data: Path | None, **options: Any) -> None:
    """VisA in its published one-class split (train/good, test/good, test/bad); the paper publishes no figures of it."""
    _run("visa", data, **options)


@benchmark.command()
@_options
def folder(data: Path | None, **options: Any) -> None:
    """Any folder with train/good and test, or a folder of such folders."""
    _run("folder", data, **options)


def _run(
    kind: str,
    data: Path | None,
    tables: tuple[int, ...],
    preset: "Method",
    seeds: tuple[int, ...],
    output: Path,
    settings: tuple[str, ...],
    timing_runs: int,
) -> None:
    from csad.compute.malloc import tune_malloc
    from csad.images.outputs import require_apart
    from csad.reproduction.benchmark import TABLES as TABLES_FILE
    from csad.reproduction.benchmark import Plan, run, to_markdown
    from csad.reproduction.data_sets import find_data_set
    from csad.reproduction.lines import parse_setting
    from csad.reproduction.tables import TITLES

    if data is None:
        raise click.UsageError("Missing option '--data': the folder of the data set.")
    if not seeds:
        raise click.BadParameter("name at least one", param_hint="'--seeds'")
    if not tables or set(tables) - set(TITLES):
        raise click.BadParameter(f"found {tables}, expected some of 1 to {max(TITLES)}", param_hint="'--tables'")
    require_apart(data, output, "--output")
    tune_malloc()
    found = find_data_set(kind, data)
    for missing in found.missing:
        _log.warning("left out: %s", missing)
    plan = Plan(
        found, tuple(sorted(set(tables))), preset, seeds, output, dict(map(parse_setting, settings)), timing_runs
    )
    result = run(plan)
    click.echo(to_markdown(result), nl=False)
    click.echo(f"tables in {output / TABLES_FILE}", err=True)
    if result.failures:
        raise CsadError(f"{len(result.failures)} runs did not end; the tables name them")


def _print_tags(data: Path | None) -> None:
    from csad.common.tables import table
    from csad.reproduction.published import TAGS
    from csad.reproduction.tag_sources import known_agreements, seen_agreements

    rows = list(map(_row, known_agreements()))
    head = ("category", "tags", "agree", "kept by both", "lost", "extra", "dropped by both")
    click.echo("The tags that table 8 and the published program name, through the automatic filter:")
    click.echo(table(head, rows))
    absent = "juice_bottle: table 8 merges the tags of three juices and lists none."
    click.echo(absent)
    if data is None:
        click.echo("--data names a folder whose images RAM++ then tags, as the paper did; without it only known tags.")
        return
    seen = seen_agreements(data)
    for reason in seen.reasons:
        click.echo(reason)
    if seen.agreements:
        click.echo(f"What RAM++ sees in the first training image of {len(seen.agreements)} of {len(TAGS)} categories:")
        click.echo(table(head, list(map(_row, seen.agreements))))


def _row(found: "TagAgreement") -> tuple[str, ...]:
    tags = (found.both, found.lost, found.extra, found.neither)
    return (
        found.category,
        str(sum(map(len, tags))),
        f"{found.fraction:.0%}",
        *(", ".join(listed) or "-" for listed in tags),
    )
