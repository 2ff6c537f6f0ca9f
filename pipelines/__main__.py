"""`python -m pipelines`: compile the training pipeline, or run it on this machine."""

from pathlib import Path

import click

from csad.cli.failures import FailingClearly

COMPILED = Path("pipelines/compiled/training.yaml")


@click.group(cls=FailingClearly, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Compile the training pipeline for Kubeflow, or run it here without a cluster.

    Exit codes: 0 done, 1 the work failed, 2 wrong use.
    """


@main.command("compile")
@click.option(
    "--output",
    default=COMPILED,
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML file to write.",
)
@click.option("--cpu-only", is_flag=True, help="Ask for no GPU: for clusters that have none.")
def compile_pipeline(output: Path, cpu_only: bool) -> None:
    """Write the training pipeline as KFP YAML.

    \b
    Example:
      python -m pipelines compile
    """  # noqa: D301 - click's mark is the character itself
    from pipelines.compiling import compile_training
    from pipelines.training import training_on_cpu, training_on_gpu

    compile_training(training_on_cpu if cpu_only else training_on_gpu, output)
    click.echo(f"wrote {output}")


@main.command()
@click.argument("file", metavar="LINE.yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of good images, or one with train/good (see csad --help).",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1), help="Recorded in the model.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for model, report and finished stages.  [default: local_outputs/NAME]",
)
def run(file: Path, data: Path, seed: int, output: Path | None) -> None:
    """Train and evaluate a product line through the real pipeline, on this machine.

    The same command again goes on after an interruption: finished stages are kept.

    \b
    Example:
      python -m pipelines run lines/bottles.yaml --data data/bottles
    """  # noqa: D301 - click's mark is the character itself
    from csad.line import ProductLine
    from pipelines.local_run import run_here

    line = ProductLine.from_file(file)
    done = run_here(line, data, seed, output or Path("local_outputs") / line.name)
    click.echo(f"\n{done.table}\n")
    click.echo(f"model   {done.model}")
    click.echo(f"report  {done.report}")


if __name__ == "__main__":
    main(prog_name="python -m pipelines")
