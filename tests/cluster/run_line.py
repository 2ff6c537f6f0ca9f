"""Run the training pipeline through kfp.local, in a process of its own: `run_line.py RUNNER LINE.yaml URI OUTPUT UID`.

RUNNER is docker (each task in the image that its component names, as user UID) or subprocess (each task a process of
this environment). Prints where the model and the evaluation lie, as JSON, as its last line.
"""

import json
import os
import sys
from pathlib import Path

from kfp import local

from pipelines.shape import Shape
from pipelines.training import training_locally

CARRIED = ("CSAD_STORE_", "AWS_", "OMP_", "OPENBLAS_")


def runner(name: str, uid: int) -> local.DockerRunner | local.SubprocessRunner:
    """Containers share this machine's network, where the store listens, and see nothing else of it but the output."""
    if name == "subprocess":
        return local.SubprocessRunner(use_venv=False)
    return local.DockerRunner(
        user=f"{uid}:{uid}",
        network_mode="host",
        environment={key: value for key, value in os.environ.items() if key.startswith(CARRIED)},
        read_only=True,
        tmpfs={"/tmp": "mode=1777"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )


def main(name: str, line: Path, uri: str, output: Path, uid: int) -> None:
    """Run it."""
    output.mkdir(parents=True, exist_ok=True)
    output.chmod(0o777)
    local.init(runner(name, uid), pipeline_root=str(output))
    outputs = training_locally(Shape())(line_yaml=line.read_text(), data_uri=uri, seed=3).outputs
    print(json.dumps({name: outputs[name].path for name in ("model", "evaluation")}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))
