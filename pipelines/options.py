"""Options that several commands have."""

from pathlib import Path

import click

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


def target_options(command: click.decorators.FC) -> click.decorators.FC:
    """What a pipeline is compiled for."""
    for option in (claim_option, deploy_option, small_option, cpu_option):
        command = option(command)
    return command


account_option = click.option(
    "--service-account",
    default="csad-pipeline",
    show_default=True,
    help='Of the runs; "" for the server\'s own choice.',
)
