"""`python -m pipelines runs`, `why`, `retry` and `stop`."""

import json
from datetime import UTC, datetime, timedelta

import click
from kfp_server_api import V2beta1Run

from pipelines.options import endpoint_option, json_option, namespace_option

run_argument = click.argument("run")
artifacts_option = click.option(
    "--artifacts",
    envvar="KFP_PIPELINE_ROOT",
    help="Where Kubeflow keeps logs: s3://BUCKET/FOLDER?endpoint=http://HOST:PORT, read with AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY.  [default: $KFP_PIPELINE_ROOT, else minio://mlpipeline/v2/artifacts]",
)


@click.command()
@click.option("--line", help="Only runs of this product line.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many, the newest first."
)
@endpoint_option
@namespace_option
@json_option
def runs(line: str | None, limit: int, endpoint: str | None, kfp_namespace: str | None, as_json: bool) -> None:
    """List runs with their state and wall time; what is stuck says why.

    \b
    Example:
      python -m pipelines runs --line bottles
    """  # noqa: D301
    from kfp_client.server_runs import RunServer
    from pipelines.run_list import list_runs

    listed = list_runs(RunServer.connect(endpoint, kfp_namespace), line, limit)
    click.echo(json.dumps(listed.to_json(), indent=2) if as_json else listed.to_text())


@click.command()
@run_argument
@artifacts_option
@endpoint_option
@namespace_option
@json_option
def why(run: str, artifacts: str | None, endpoint: str | None, kfp_namespace: str | None, as_json: bool) -> None:
    """Show the stages of a run, what its pods wait for, and the last words of what failed.

    RUN is an id, the beginning of one, or "last". The pipeline server never says why: the reasons come from Kubernetes
    ($KUBECONFIG) and from the logs in Kubeflow's store. What cannot be reached is named.

    \b
    Example:
      python -m pipelines why last
    """  # noqa: D301
    from kfp_client.server_runs import RunServer
    from pipelines.run_list import find_run
    from pipelines.run_logs import DEFAULT_ROOT, RunLogs
    from pipelines.run_pods import Lookout
    from pipelines.run_report import explain

    server = RunServer.connect(endpoint, kfp_namespace)
    found = server.get_run(find_run(server, run).run_id)
    seen = Lookout.open(server.runs_namespace).look(found.run_id)
    report = explain(found, seen, lambda identity: RunLogs.open(artifacts or DEFAULT_ROOT, identity))
    click.echo(json.dumps(report.to_json(), indent=2) if as_json else report.to_text())


@click.command()
@click.argument("run", required=False)
@click.option(
    "--outages",
    is_flag=True,
    help="Instead of RUN: every run of the last day that failed in Kubeflow's own pods, at most twice each.",
)
@endpoint_option
@namespace_option
@json_option
def retry(run: str | None, outages: bool, endpoint: str | None, kfp_namespace: str | None, as_json: bool) -> None:
    """Let a failed run go on after the stages that have succeeded.

    Kubeflow does not repeat a container that ended with an error. With --outages, from a cron job or by hand, the runs
    go on that failed because the pipeline server was away, such as those that a schedule had just started.

    \b
    Examples:
      python -m pipelines retry last
      python -m pipelines retry --outages
    """  # noqa: D301
    from kfp_client.server_runs import RunServer
    from pipelines.run_list import failed_in_outage, find_run

    if outages == bool(run):
        raise click.UsageError("give a RUN, or --outages")
    server = RunServer.connect(endpoint, kfp_namespace)
    day = datetime.now(UTC) - timedelta(days=1)
    chosen = [find_run(server, run)] if run else failed_in_outage(server, since=day)
    for one in chosen:
        server.retry_run(one.run_id)
    _tell(chosen, "resumes", as_json)


@click.command()
@click.argument("run", required=False)
@click.option(
    "--stuck-minutes",
    type=click.IntRange(1),
    help="Instead of RUN: every run with a pod that could not start for so long; Kubeflow would wait for ever.",
)
@endpoint_option
@namespace_option
@json_option
def stop(
    run: str | None, stuck_minutes: int | None, endpoint: str | None, kfp_namespace: str | None, as_json: bool
) -> None:
    """End a run; finished stages stay in the cache. The server calls it FAILED afterwards.

    \b
    Examples:
      python -m pipelines stop last
      python -m pipelines stop --stuck-minutes 60
    """  # noqa: D301
    from kfp_client.server_runs import RunServer
    from pipelines.run_list import find_run, stuck_runs

    if (stuck_minutes is None) == (run is None):
        raise click.UsageError("give a RUN, or --stuck-minutes")
    server = RunServer.connect(endpoint, kfp_namespace)
    if run is not None:
        chosen, reasons = [find_run(server, run)], {}
    else:
        stuck = stuck_runs(server, timedelta(minutes=stuck_minutes or 0))
        chosen, reasons = [one for one, _ in stuck], {one.run_id: reason for one, reason in stuck}
    for one in chosen:
        server.stop_run(one.run_id)
    _tell(chosen, "is stopped", as_json, reasons)


def _tell(chosen: list[V2beta1Run], what: str, as_json: bool, reasons: dict[str, str] | None = None) -> None:
    told = [
        {"run": one.run_id, "name": one.display_name, "reason": (reasons or {}).get(one.run_id, "")} for one in chosen
    ]
    if as_json:
        click.echo(json.dumps({"runs": told}))
        return
    for one in told:
        click.echo(f"{one['name']} ({one['run']}) {what}" + (f": {one['reason']}" if one["reason"] else ""))
    if not told:
        click.echo("no such run")
