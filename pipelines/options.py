"""Options that several commands have."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from csad.config.schedule import ScheduleSettings

endpoint_option = click.option(
    "--endpoint",
    envvar="KFP_ENDPOINT",
    help="Pipeline server, such as http://localhost:8888.  [default: $KFP_ENDPOINT]",
)
namespace_option = click.option(
    "--kfp-namespace",
    envvar="KFP_NAMESPACE",
    help="Yours, where the server has several users.  [default: $KFP_NAMESPACE]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
package_option = click.option(
    "--package",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compiled training pipeline, for every line.  [default: compiled now, as each line needs it]",
)
cpu_option = click.option(
    "--cpu-only/--gpu",
    "cpu_only",
    default=None,
    help="Ask for no GPU, or for one per stage.  [default: what the images compute on, else --gpu]",
)
small_option = click.option(
    "--small", is_flag=True, help="Reserve half a core and 1 GiB a task: for clusters of a few cores."
)
deploy_option = click.option(
    "--no-deploy", is_flag=True, help="End with the registered version, whatever the line's schedule.deploy says."
)
claim_option = click.option(
    "--weights-claim",
    envvar="CSAD_WEIGHTS_CLAIM",
    default="",
    help="PersistentVolumeClaim that keeps the weights that tasks fetch from the store; else each pod fetches its "
    "own.  [default: $CSAD_WEIGHTS_CLAIM]",
)


serving_option = click.option(
    "--namespace",
    help="Where accepted models are served.  [default: yours, where the server has several users; else csad, or what "
    "the pipeline was compiled with]",
)


def target_options(command: click.decorators.FC) -> click.decorators.FC:
    """What a pipeline is compiled for."""
    for option in (claim_option, deploy_option, small_option, cpu_option):
        command = option(command)
    return command


def gpu_node_options(command: Callable[..., None]) -> Callable[..., None]:
    """What GPU tasks ask of the cluster; the command is handed one mapping, `gpu_nodes`, of what was given."""

    @functools.wraps(command)
    def with_gpu_nodes(
        accelerator: str | None,
        accelerator_count: int | None,
        node_selector: tuple[str, ...],
        toleration: tuple[str, ...],
        **others: Any,
    ) -> None:
        given = {
            "accelerator": accelerator,
            "accelerator_count": accelerator_count,
            "node_selector": _labels(node_selector),
            "tolerations": list(toleration) or None,
        }
        command(gpu_nodes=_checked({name: value for name, value in given.items() if value is not None}), **others)

    over = "instead of the line's `schedule` and of the pipeline's own"
    options = (
        click.option(
            "--accelerator", metavar="RESOURCE", help=f"Of GPU tasks, such as nvidia.com/mig-1g.10gb, {over}."
        ),
        click.option("--accelerator-count", type=click.IntRange(1), help="Accelerators per GPU task."),
        click.option("--node-selector", multiple=True, metavar="KEY=VALUE", help=f"Label of GPU tasks' nodes, {over}."),
        click.option(
            "--toleration", multiple=True, metavar="KEY[=VALUE][:EFFECT]", help="Taint that GPU tasks accept, likewise."
        ),
    )
    decorated: Callable[..., None] = with_gpu_nodes
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def _labels(given: tuple[str, ...]) -> dict[str, str] | None:
    for text in given:
        if "=" not in text:
            raise click.BadParameter(f"{text!r} has no =; expected KEY=VALUE", param_hint="--node-selector")
    return dict(text.split("=", 1) for text in given) or None


def _checked(given: Mapping[str, object]) -> Mapping[str, object]:
    """What was given, held against the limits of the line's keys of the same names."""
    try:
        ScheduleSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-").removesuffix("s")
        raise click.BadParameter(f"{first['input']!r}: {first['msg']}", param_hint=option) from None
    return given


account_option = click.option(
    "--service-account",
    default="csad-pipeline",
    show_default=True,
    help='Of the runs; "" for the server\'s own choice.',
)
