"""`csad deploy`, `status`, `rollback`, `undeploy`: models in service on Kubernetes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from csad.cli.store import connect
from csad.common.errors import DeploymentError

if TYPE_CHECKING:
    from csad.config.line import ProductLine
    from csad.deployment.deployment import DeploymentResult
    from csad.store.objects import ObjectStore

NAMESPACE = click.option(
    "--namespace",
    "-n",
    default="csad",
    show_default=True,
    help="Namespace of the cluster that KUBECONFIG or this pod names.",
)
CONTEXT = click.option("--context", help="Context of the kubeconfig.  [default: the current one]")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def _serving_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that `deploy` and `rollback` share."""
    options = (
        click.option("--image", envvar="CSAD_SERVE_IMAGE", required=True, help="Serving image (or CSAD_SERVE_IMAGE)."),
        NAMESPACE,
        CONTEXT,
        click.option(
            "--store-secret",
            default="csad-store",
            show_default=True,
            help="Secret that gives the pods the store's keys.",
        ),
        click.option(
            "--pull-policy",
            type=click.Choice(["IfNotPresent", "Always", "Never"]),
            default="IfNotPresent",
            show_default=True,
            help="When the nodes pull the image.",
        ),
        click.option("--timeout", default=600.0, show_default=True, help="Seconds until the new pods must be ready."),
        JSON,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("line", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("version", required=False)
@click.option("--latest", is_flag=True, help="The newest registered version, instead of VERSION.")
@_serving_options
def deploy(line: Path, version: str | None, latest: bool, as_json: bool, **options: Any) -> None:
    """Bring VERSION of a product line into service without a dropped request.

    \b
    LINE is its YAML file; the section `deployment` says how many pods, with what resources.
    The version starts beside the one in service, must score the images of its smoke test as at
    evaluation, and only then takes over. Where it fails, the version before keeps serving and the
    message says why. The champion pointer moves last. The same again changes nothing.
    Which champion the gate judged VERSION against is not asked here; the promotion pipeline asks.

    \b
    Examples:
      csad deploy lines/bottles.yaml 20261124T101500Z-0123abcd --image registry/csad-serve:0.1
      csad deploy lines/bottles.yaml --latest --namespace line-2
      csad deploy lines/bottles.yaml --latest --json | jq -r .endpoint

    \b
    A GPU node without a spare GPU: set deployment.strategy to blue_green; pods on CPU bridge the exchange.
    The store is named by the environment: see `csad data --help`. Where clients must send a token, CSAD_TOKEN
    holds it for the smoke test. Next: csad status.
    """
    from csad.deployment.deployment import deploy as deploy_version
    from csad.deployment.deployment import latest_version

    if bool(version) == latest:
        raise click.UsageError("give VERSION or --latest, one of the two")
    product_line, store = _line(line), connect()
    chosen = version or latest_version(store, product_line.name)
    _say(_run(deploy_version, product_line, chosen, store, **options), as_json)


@click.command()
@click.argument("line", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_serving_options
def rollback(line: Path, as_json: bool, **options: Any) -> None:
    """Bring the version that served before back, as carefully as a new one; a second time goes further back.

    \b
    LINE is the product line's YAML file. `csad models rollback` moves the pointer alone.
    Where clients must send a token, CSAD_TOKEN holds it for the smoke test.

    \b
    Example:
      csad rollback lines/bottles.yaml --image registry/csad-serve:0.1
    """
    from csad.deployment.deployment import roll_back

    _say(_run(roll_back, _line(line), "", connect(), **options), as_json)


@click.command()
@click.argument("line", required=False)
@NAMESPACE
@CONTEXT
@click.option("--no-store", is_flag=True, help="Ask the cluster alone; the champion is left out.")
@JSON
def status(line: str | None, namespace: str, context: str | None, no_store: bool, as_json: bool) -> None:
    """Show what serves LINE (its name or its YAML file), or every line of the namespace.

    \b
    Exits with 1 where a line that was asked for is not ready.

    \b
    Examples:
      csad status
      csad status bottles
      csad status lines/bottles.yaml --json
    """
    from csad.deployment.cluster import Cluster
    from csad.deployment.status import line_status, lines_in

    cluster = Cluster.connect(namespace, context)
    store = None if no_store else connect()
    names = [_name(line)] if line else lines_in(cluster)
    found = [line_status(name, cluster, store) for name in names]
    if as_json:
        content: Any = [one.to_json() for one in found]
        click.echo(json.dumps(content[0] if line else content, indent=2))
    else:
        click.echo("\n\n".join(one.to_text() for one in found) or f"namespace {namespace} serves no line")
    if line and found[0].state != "ready":
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("line")
@NAMESPACE
@CONTEXT
@click.option("--yes", is_flag=True, help="Do not ask.")
@JSON
def undeploy(line: str, namespace: str, context: str | None, yes: bool, as_json: bool) -> None:
    """Take LINE (its name or its YAML file) out of service; its models and its champion stay in the store.

    \b
    Waits for a deployer that is at work on the line.

    \b
    Example:
      csad undeploy bottles --yes
    """
    from csad.deployment.cluster import Cluster
    from csad.deployment.status import undeploy as take_away

    name = _name(line)
    if not yes:
        click.confirm(f"Stop serving {name} in namespace {namespace}?", abort=True, err=True)
    removed = take_away(name, Cluster.connect(namespace, context))
    if as_json:
        click.echo(json.dumps({"line": name, "namespace": namespace, "removed": removed}, indent=2))
    else:
        click.echo("\n".join(f"removed {what}" for what in removed) or f"{name} was not in service")


def _run(
    work: "Callable[..., DeploymentResult]",
    line: "ProductLine",
    version: str,
    store: "ObjectStore",
    *,
    image: str,
    namespace: str,
    context: str | None,
    store_secret: str,
    pull_policy: Literal["IfNotPresent", "Always", "Never"],
    timeout: float,
) -> "DeploymentResult":
    from csad.deployment.cluster import Cluster
    from csad.deployment.deployment import DeploymentTarget, DeployTerms
    from csad.deployment.rollout import RolloutTerms

    target = DeploymentTarget(line, version, image, namespace, store_secret, pull_policy=pull_policy)
    terms = DeployTerms(rollout=RolloutTerms(timeout=timeout))
    return work(target, store, Cluster.connect(namespace, context), terms)


def _say(result: "DeploymentResult", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2))
    elif result.changed:
        before = f" in place of {result.previous}" if result.previous else ""
        click.echo(f"{result.line} is served by {result.version}{before}: {result.endpoint}")
    else:
        click.echo(f"{result.line} was served by {result.version} already: {result.endpoint}")


def _line(path: Path) -> "ProductLine":
    from csad.config.line import ProductLine

    return ProductLine.from_file(path)


def _name(line: str) -> str:
    """The name of a line, given itself or as its file.

    Raises:
        DeploymentError: It is neither.
    """
    from csad.config.line import NAME

    if Path(line).is_file():
        return _line(Path(line)).name
    if not NAME.fullmatch(line):
        raise DeploymentError(f"{line} is neither a file nor the name of a product line")
    return line
