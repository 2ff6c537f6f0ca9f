"""`python -m pipelines doctor`."""

import json
import sys
from pathlib import Path

import click

from pipelines.options import claim_option, endpoint_option, json_option, namespace_option, serving_option


@click.command()
@click.argument(
    "line", metavar="[LINE.yaml]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--compiled",
    default=Path("pipelines/compiled"),
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of training.yaml and promotion.yaml.",
)
@claim_option
@serving_option
@endpoint_option
@namespace_option
@json_option
def doctor(
    line: Path | None,
    compiled: Path,
    weights_claim: str,
    namespace: str | None,
    endpoint: str | None,
    kfp_namespace: str | None,
    as_json: bool,
) -> None:
    """Check whether a cluster can run the pipelines, and print the command that mends what is missing.

    Looks at the pipeline server, and with $KUBECONFIG at namespaces, accounts, rights, secrets, images, room, GPUs and
    the volume for weights. With LINE.yaml the pods of its model count, too. Nothing is changed. Exit code 1: something
    is missing.

    \b
    Example:
      python -m pipelines doctor lines/bottles.yaml
    """  # noqa: D301
    from csad.config.line import ProductLine
    from pipelines.doctor import diagnose

    packages = [file for name in ("training", "promotion") if (file := compiled / f"{name}.yaml").is_file()]
    product_line = ProductLine.from_file(line) if line else None
    report = diagnose(endpoint, kfp_namespace, namespace, packages, product_line, weights_claim)
    click.echo(json.dumps(report.to_json(), indent=2) if as_json else report.to_text())
    sys.exit(not report.healthy)
