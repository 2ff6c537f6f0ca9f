"""Promotion from inside a training run: a run of its own under the deployer's account, started and waited for.

A training task's own account cannot deploy; it may only ask the pipeline server for a promotion run.

KFP's executor sets `_KFP_RUNTIME=true`, under which `kfp.client` cannot be imported (kfp 2.17: a circular import). So
the task works in a second Python without that variable: `pipelines.promoting`, run as a program.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from csad.common.errors import DeploymentError

RUNTIME = "_KFP_RUNTIME"


@dataclass(frozen=True)
class Promotion:
    """What is to be put into service, and by whom.

    Attributes:
        line_yaml: The product line, as text, with how it is served.
        version: Registered version.
        endpoint: Pipeline server, as pods reach it.
        service_account: Service account of the promotion run.
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
