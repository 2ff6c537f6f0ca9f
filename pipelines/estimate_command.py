"""`python -m pipelines estimate`, and the estimates below `schedules plan`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.options import endpoint_option, json_option, namespace_option, target_options

if TYPE_CHECKING:
    from csad.config.line import ProductLine
    from kfp_client.server_runs import RunServer
    from pipelines.estimate import Estimate
    from pipelines.packages import Packages


@click.command()
@click.argument("file", metavar="LINE.yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data", help="Folder, store://LINE or store://LINE@DIGEST.  [default: schedule.data, else store://NAME]"
)
@target_options
@endpoint_option
@namespace_option
@json_option
def estimate(
    file: Path,
    data: str | None,
    cpu_only: bool | None,
    small: bool,
    no_deploy: bool,
    weights_claim: str,
    endpoint: str | None,
    kfp_namespace: str | None,
    as_json: bool,
) -> None:
    """Say what a full run of a product line would take: minutes per stage, pods, store traffic. Nothing is run.

    It counts the images without opening them and multiplies by ratios measured on one CPU core, and on a GPU for stages
    on GPU nodes where somebody measured those; what nobody measured is named and left out. With --endpoint (or
    $KFP_ENDPOINT) the line's last run stands beside it.

    \b
    Examples:
      python -m pipelines estimate lines/bottles.yaml --data data/bottles
      python -m pipelines estimate lines/bottles.yaml
    """  # noqa: D301
    from components.images import check_device
    from csad.config.line import ProductLine
    from kfp_client.server_runs import RunServer
    from pipelines.packages import Packages, Target

    line = ProductLine.from_file(file)
    target = Target(check_device(cpu_only), small, deploy=not no_deploy, weights_claim=weights_claim)
    server = RunServer.connect(endpoint, kfp_namespace) if endpoint else None
    with tempfile.TemporaryDirectory() as folder:
        found = estimate_line(line, data, Packages(target, Path(folder)), server)
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else found.to_text())


def estimate_line(line: ProductLine, data: str | None, packages: Packages, server: RunServer | None = None) -> Estimate:
    """Estimate a full run of a line.

    Args:
        line: Product line.
        data: Folder or address; None for the line's own.
        packages: Compiled pipelines, whose target is the cluster.
        server: Knows the line's last run; None leaves it out.

    Raises:
        CsadError: No images, no store or no server.
        OSError: The pipeline cannot be written.
    """
    from kfp_client.parameters import data_uri
    from pipelines.estimate import estimate_run
    from pipelines.image_counts import count_images
    from pipelines.last_run import find_last_run
    from pipelines.pods import count_pods
    from pipelines.stage_costs import gpu_stage_costs, stage_costs

    images = count_images(line, data or data_uri(line))
    target = packages.target
    last = find_last_run(server, line.name) if server else None
    load = count_pods(packages.of(line)).first
    gpu_costs = gpu_stage_costs() if target.gpu else None
    return estimate_run(line, images, target.shape(line), load, stage_costs(), target.gpu, last, gpu_costs)


def estimate_lines(lines: Sequence[ProductLine], packages: Packages) -> tuple[list[Estimate], dict[str, list[str]]]:
    """Estimate what can be estimated.

    Returns:
        Estimates, and by each reason the lines that have none.
    """
    from csad.common.errors import CsadError

    found: list[Estimate] = []
    reasons: dict[str, list[str]] = {}
    for line in lines:
        try:
            found.append(estimate_line(line, None, packages))
        except CsadError as error:
            reasons.setdefault(str(error), []).append(line.name)
    return found, reasons


def estimates_to_text(found: Sequence[Estimate], reasons: dict[str, list[str]]) -> str:
    """Write for people what full runs would take."""
    lines = [f"  {one.headline()}" for one in found]
    lines += [f"  no estimate for {len(names)} ({', '.join(names)}): {reason}" for reason, names in reasons.items()]
    return "\n".join(["a full run of each scheduled line, estimated (python -m pipelines estimate says more):", *lines])


def estimates_to_json(found: Sequence[Estimate], reasons: dict[str, list[str]]) -> dict[str, Any]:
    """Write the same for scripts."""
    missing = [{"reason": reason, "lines": names} for reason, names in reasons.items()]
    return {"estimates": [one.to_json() for one in found], "not_estimated": missing}
