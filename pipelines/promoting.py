"""Promotion from inside a training run: a run of its own under the deployer's account, started and waited for.

A training task's own account cannot deploy; it may only ask the pipeline server for a promotion run.

KFP's executor sets `_KFP_RUNTIME=true`, under which `kfp.client` cannot be imported (kfp 2.17: a circular import). So
the task works in a second Python without that variable: this module, run as a program.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from csad.common.errors import DeploymentError
from csad.config.line import ProductLine
from csad.deployment.names import ServingNames

RUNTIME = "_KFP_RUNTIME"
MINUTES = 90.0
"""A rollout gives up by itself after ten minutes for each of its steps; images may have to be pulled before."""


@dataclass(frozen=True)
class Promotion:
    """What is to be put into service, and by whom.

    Attributes:
        line_yaml: The product line, as text, with how it is served.
        version: Registered version.
        endpoint: Pipeline server, as pods reach it.
        service_account: Of the promotion run.
        namespace: Where the model is served.
        store_secret: Name of the Kubernetes secret with the keys to the store.
        task_image: Image of the promotion's task.
        serve_image: The generic serving image.
    """

    line_yaml: str
    version: str
    endpoint: str
    service_account: str
    namespace: str
    store_secret: str
    task_image: str
    serve_image: str


def promote_from_task(promotion: Promotion) -> str:
    """Start the promotion run, wait until the version is in service, and return the address of the service.

    Raises:
        DeploymentError: It is not in service; the message says what is known.
    """
    environment = {name: value for name, value in os.environ.items() if name != RUNTIME}
    environment |= {"CSAD_TRAIN_IMAGE": promotion.task_image, "CSAD_SERVE_IMAGE": promotion.serve_image}
    program = [sys.executable, "-m", "pipelines.promoting"]
    with tempfile.TemporaryDirectory(prefix="csad-promotion-") as folder:
        answer = Path(folder) / "answer"
        done = subprocess.run(
            [*program, str(answer)], input=json.dumps(asdict(promotion)), text=True, env=environment, check=False
        )
        said = answer.read_text(encoding="utf-8") if answer.is_file() else ""
    if done.returncode:
        raise DeploymentError(
            said or f"the program that asks for the promotion ended with {done.returncode}; see above"
        )
    return said


def promote_and_wait(promotion: Promotion, minutes: float = MINUTES) -> str:
    """Do the work of `promote_from_task`, outside of KFP's executor.

    Raises:
        CsadError: The server refuses, or the run does not succeed.
    """
    from kfp_client.server import Server
    from kfp_client.submission import submit_promotion
    from kfp_client.waiting import wait_for
    from pipelines.compiling import compile_pipeline
    from pipelines.packages import PROMOTION_FILE
    from pipelines.promotion import promotion as pipeline

    line = ProductLine.from_yaml(promotion.line_yaml)
    server = Server.connect(promotion.endpoint)
    with tempfile.TemporaryDirectory(prefix="csad-promotion-") as folder:
        package = Path(folder) / PROMOTION_FILE
        compile_pipeline(pipeline, package)
        started = submit_promotion(
            server,
            line,
            promotion.version,
            package,
            promotion.service_account,
            promotion.store_secret,
            promotion.namespace,
        )
    logging.getLogger(__name__).info("promote: run %s brings %s into service", started.run, promotion.version)
    wait_for(server, started, minutes)
    return ServingNames(line.name, promotion.namespace).endpoint


def main(answer: Path) -> int:
    """Read a promotion from standard input; the endpoint, or why there is none, goes into a file."""
    from csad.common.errors import CsadError

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        said, status = promote_and_wait(Promotion(**json.load(sys.stdin))), 0
    except CsadError as error:
        said, status = str(error), 1
    answer.write_text(said, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
