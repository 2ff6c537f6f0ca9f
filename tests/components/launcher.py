"""Runs a component's compiled command as Kubeflow's launcher does: KFP's executor in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def executor_of(pipelines, component):
    (found,) = [pipeline.container(component) for pipeline in pipelines if component in pipeline.executors]
    return found


def executor_input(pipelines, component, folder, **given):
    """What the launcher writes: every parameter with a value, every artifact with a place."""
    (specification,) = [
        pipeline.specification["components"][f"comp-{component}"]
        for pipeline in pipelines
        if component in pipeline.executors
    ]

    def artifact(name):
        return {"artifacts": [{"name": name, "type": {"schemaTitle": "system.Artifact"}, "uri": str(folder / name)}]}

    inputs, outputs = (specification.get(f"{side}Definitions", {}) for side in ("input", "output"))
    values = {"STRING": "x", "NUMBER_INTEGER": 3, "BOOLEAN": False}
    parameters = {
        name: given.get(name, values[about["parameterType"]]) for name, about in inputs.get("parameters", {}).items()
    }
    return {
        "inputs": {
            "parameterValues": parameters,
            "artifacts": {name: artifact(name) for name in inputs.get("artifacts", {})},
        },
        "outputs": {
            "parameters": {
                name: {"outputFile": str(folder / "outputs" / name)} for name in outputs.get("parameters", {})
            },
            "artifacts": {name: artifact(name) for name in outputs.get("artifacts", {})},
            "outputFile": str(folder / "outputs.json"),
        },
    }


def launch(container, task_input):
    """The launcher sets no variable; the command itself says that KFP runs it."""
    arguments = [argument.replace("{{$}}", json.dumps(task_input)) for argument in container["args"]]
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": tools, "PYTHONPATH": str(ROOT)}
    assert any("_KFP_RUNTIME=true" in part for part in container["command"])
    return subprocess.run(
        [*container["command"], *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
