"""`python -m pipelines`: compile the pipelines, run training here, submit it to a cluster, schedule it."""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from csad.cli.failures import FailingClearly
from pipelines.batch_commands import score, score_here
from pipelines.doctor_command import doctor
from pipelines.estimate_command import estimate
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
from pipelines.run_commands import retry, runs, stop, why
from pipelines.schedule_commands import schedules

COMPILED = Path("pipelines/compiled")
EXAMPLE = Path("lines/fastener_kit.yaml")

line_argument = click.argument(
    "file", metavar="LINE.yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
seed_option = click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1), help="Recorded in the model."
)


@click.group(cls=FailingClearly, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Compile the pipelines for Kubeflow, run them here without a cluster, submit and schedule them.

    \b
    The usual order on a cluster:
      csad data push data/bottles --line bottles           the images, into the store
      python -m pipelines compile                          YAML for the cluster
      python -m pipelines doctor                           can the cluster run it, and what mends it if not
      python -m pipelines estimate lines/bottles.yaml      what a full run will take
      python -m pipelines submit lines/bottles.yaml        one run
      python -m pipelines schedules plan                   what `schedules apply` would change
      python -m pipelines schedules apply                  every line of lines/ retrains as its file says
      python -m pipelines runs                             what runs, and what is stuck
      python -m pipelines why last                         each stage, and the reason of what failed or waits
      python -m pipelines score lines/bottles.yaml --images s3://camera/incoming/
                                                           a batch of images through the model in service

    Exit codes: 0 done, 1 the work failed, 2 wrong use.
    """  # noqa: D301 - click's mark is the character itself


@main.command("compile")
@click.option(
    "--output",
    default=COMPILED,
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for training.yaml, promotion.yaml and batch.yaml.",
)
@target_options
@click.option(
    "--line",
    default=EXAMPLE,
    show_default=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Product line that runs without parameters train, such as a bare `kfp run submit` (`kfp run create`).",
)
@click.option("--namespace", help="Where models of runs that do not say it are served.  [default: csad]")
def compile_pipelines(
    output: Path,
    cpu_only: bool | None,
    small: bool,
    no_deploy: bool,
    weights_claim: str,
    line: Path,
    namespace: str | None,
) -> None:
    """Write the pipelines (training, promotion, batch) as KFP YAML, and say how many steps and pods a run takes.

    \b
    Example:
      python -m pipelines compile
    """  # noqa: D301
    from components.images import check_device
    from csad.config.line import ProductLine
    from pipelines.batch import BatchShape
    from pipelines.packages import Target, compile_batch, compile_for
    from pipelines.pods import count_pods

    product_line = ProductLine.from_file(line)
    target = Target(
        check_device(cpu_only), small, deploy=not no_deploy, weights_claim=weights_claim, namespace=namespace
    )
    training, promotion = compile_for(product_line, target, output)
    batch = compile_batch(product_line, BatchShape.of(product_line, target.gpu, small=small), output)
    click.echo(f"wrote {training}, {promotion} and {batch}")
    click.echo(f"a first run:     {count_pods(training).first}")
    click.echo(f"unchanged data:  {count_pods(training).unchanged}")
    click.echo(f"batch scoring:   {count_pods(batch).first}")


@main.command()
@line_argument
@click.option(
    "--data",
    required=True,
    help="Folder of good images, or one with train/good (see csad --help); or store://LINE, of $CSAD_STORE_ENDPOINT.",
)
@seed_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for model, report, store and finished stages.  [default: local_outputs/NAME]",
)
def run(file: Path, data: str, seed: int, output: Path | None) -> None:
    """Train, evaluate and register a product line through the real pipeline, on this machine.

    Images and models go through an S3 store: the one that CSAD_STORE_ENDPOINT names, or one that runs here meanwhile.
    The same command again resumes after an interruption: finished stages are kept. Nothing is deployed.

    \b
    Example:
      python -m pipelines run lines/bottles.yaml --data data/bottles
    """  # noqa: D301
    from csad.config.line import ProductLine
    from csad.runner.data_source import STORED
    from pipelines.local_run import run_locally

    if not data.startswith(STORED) and not Path(data).is_dir():
        raise click.BadParameter(
            f"{data!r} is no folder; expected a folder of images, or store://LINE", param_hint="--data"
        )
    line = ProductLine.from_file(file)
    done = run_locally(line, data, seed, output or Path("local_outputs") / line.name)
    click.echo(f"\n{done.table}\n")
    click.echo(f"gate    {done.gate}")
    click.echo(f"model   {done.model}")
    click.echo(f"report  {done.report}")
    if done.version:
        click.echo(f"version {done.version}, registered in {done.store}")


@main.command()
@line_argument
@click.option("--data", help="store://LINE, store://LINE@DIGEST.  [default: schedule.data, else store://NAME]")
@seed_option
@click.option("--force", is_flag=True, help="Run although the last run was of the same data, line, seed and code.")
@target_options
@gpu_node_options
@package_option
@endpoint_option
@namespace_option
@serving_option
@account_option
@json_option
def submit(
    file: Path,
    data: str | None,
    seed: int,
    force: bool,
    cpu_only: bool | None,
    small: bool,
    no_deploy: bool,
    weights_claim: str,
    package: Path | None,
    endpoint: str | None,
    kfp_namespace: str | None,
    namespace: str | None,
    service_account: str,
    as_json: bool,
    gpu_nodes: Mapping[str, object],
) -> None:
    """Start one training run of a product line on a cluster; it ends with an endpoint, or says why there is none.

    \b
    Examples:
      python -m pipelines submit lines/bottles.yaml --endpoint http://localhost:8888
      python -m pipelines submit lines/bottles.yaml --accelerator nvidia.com/mig-1g.10gb
    """  # noqa: D301
    from components.images import check_device
    from csad.config.line import ProductLine
    from kfp_client.server import Server
    from kfp_client.submission import submit_training
    from pipelines.packages import Packages, Target

    line = ProductLine.from_file(file)
    server = Server.connect(endpoint, kfp_namespace)
    target = Target(
        check_device(cpu_only), small, deploy=not no_deploy, gpu_nodes=gpu_nodes, weights_claim=weights_claim
    )
    with tempfile.TemporaryDirectory() as folder:
        used = Packages(target, Path(folder), package).of(line)
        started = submit_training(
            server, target.line(line), used, data, seed, force, service_account or None, namespace
        )
    if as_json:
        click.echo(json.dumps(vars(started)))
        return
    click.echo(f"started run {started.run} in experiment {started.experiment}, version {started.version}")
    click.echo(started.address)


@main.command()
@line_argument
@click.argument("version")
@click.option(
    "--package",
    default=COMPILED / "promotion.yaml",
    show_default=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compiled promotion pipeline.",
)
@endpoint_option
@namespace_option
@serving_option
@click.option(
    "--service-account", default="csad-deployer", show_default=True, help="Service account of the run; it may deploy."
)
@json_option
def promote(
    file: Path,
    version: str,
    package: Path,
    endpoint: str | None,
    kfp_namespace: str | None,
    namespace: str | None,
    service_account: str,
    as_json: bool,
) -> None:
    """Put a registered version of a line into service: one run of the promotion pipeline.

    \b
    Example:
      python -m pipelines promote lines/bottles.yaml 20261124T101500Z-0123abcd
    """  # noqa: D301
    from csad.config.line import ProductLine
    from kfp_client.server import Server
    from kfp_client.submission import submit_promotion

    line = ProductLine.from_file(file)
    server = Server.connect(endpoint, kfp_namespace)
    started = submit_promotion(server, line, version, package, service_account, namespace=namespace)
    click.echo(json.dumps(vars(started)) if as_json else f"started run {started.run}\n{started.address}")


for command in (doctor, estimate, runs, schedules, score, score_here, why, retry, stop):
    main.add_command(command)


if __name__ == "__main__":
    sys.exit(main(prog_name="python -m pipelines"))
