"""`python -m pipelines schedules`: when each product line retrains, compared with the server's recurring runs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.options import (
    account_option,
    endpoint_option,
    gpu_node_options,
    json_option,
    namespace_option,
    package_option,
    serving_option,
    target_options,
)

if TYPE_CHECKING:
    from kfp_client.server import Server
    from pipelines.packages import Packages
    from pipelines.schedules import Plan

LINES = Path("lines")


@click.group()
def schedules() -> None:
    """Compare the schedules of all product lines with the server's recurring runs, and make them equal.

    A line's file says when it retrains (`schedule.cron`). Only recurring runs that csad made are touched.
    """


def schedule_options(command: Callable[..., None]) -> Callable[..., None]:
    """What plan and apply have in common."""
    folder = click.option(
        "--lines",
        default=LINES,
        show_default=True,
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of product lines: all of them.",
    )
    options = (json_option, account_option, serving_option, namespace_option, endpoint_option, package_option)
    command = gpu_node_options(command)
    for option in options:
        command = option(command)
    return folder(target_options(command))


@contextmanager
def _planned(
    lines: Path,
    cpu_only: bool | None,
    small: bool,
    no_deploy: bool,
    weights_claim: str,
    package: Path | None,
    endpoint: str | None,
    kfp_namespace: str | None,
    namespace: str | None,
    service_account: str,
    gpu_nodes: Mapping[str, object],
) -> Iterator[tuple[Server, Plan, Packages]]:
    """What is to be changed, and the pipelines for it as long as they are needed."""
    from components.images import check_device
    from kfp_client.server import Server
    from pipelines.packages import Packages, Target
    from pipelines.schedules import make_plan, read_lines

    found = read_lines(lines)
    target = Target(
        check_device(cpu_only), small, deploy=not no_deploy, gpu_nodes=gpu_nodes, weights_claim=weights_claim
    )
    server = Server.connect(endpoint, kfp_namespace)
    with tempfile.TemporaryDirectory() as folder:
        packages = Packages(target, Path(folder), package)
        yield server, make_plan(server, found, packages, service_account, namespace), packages


@schedules.command()
@schedule_options
def plan(as_json: bool, **chosen: Any) -> None:
    """Show what `schedules apply` would change, and what a full run of each line would take; nothing is changed.

    \b
    Example:
      python -m pipelines schedules plan --lines lines
    """  # noqa: D301
    from pipelines.estimate_command import estimate_lines, estimates_to_json, estimates_to_text
    from pipelines.schedules import read_lines

    with _planned(**chosen) as (_, planned, packages):
        scheduled = [line for line in read_lines(chosen["lines"]) if line.schedule.cron is not None]
        estimates = estimate_lines(scheduled, packages)
    if as_json:
        click.echo(json.dumps(planned.to_json() | estimates_to_json(*estimates), indent=2))
        return
    click.echo(planned.to_text())
    if scheduled:
        click.echo(f"\n{estimates_to_text(*estimates)}")


@schedules.command()
@schedule_options
def apply(as_json: bool, **chosen: Any) -> None:
    """Create, replace, pause and resume recurring runs so that each line retrains as its file says.

    \b
    Example:
      python -m pipelines schedules apply --lines lines
    """  # noqa: D301
    from pipelines.schedules import apply_plan

    with _planned(**chosen) as (server, planned, packages):
        apply_plan(server, planned, packages)
    click.echo(json.dumps(planned.to_json(), indent=2) if as_json else planned.to_text())


@schedules.command()
@click.option("--line", help="Only this product line.")
@endpoint_option
@namespace_option
@json_option
def status(line: str | None, endpoint: str | None, kfp_namespace: str | None, as_json: bool) -> None:
    """Show each line's last run and its next one.

    \b
    Example:
      python -m pipelines schedules status
    """  # noqa: D301
    from kfp_client.server_runs import RunServer
    from pipelines.schedule_status import schedule_status

    found = schedule_status(RunServer.connect(endpoint, kfp_namespace), line)
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else found.to_text())
