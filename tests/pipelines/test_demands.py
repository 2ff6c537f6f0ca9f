"""What compiled pipelines ask a cluster for."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from csad.config.line import ProductLine
from kfp_client.server import PipelineServerError
from pipelines.demands import read_demands

GIB = 2**30


@dataclass(frozen=True)
class Task:
    """What a compiled pipeline says of a task."""

    image: str
    resources: dict
    wishes: dict = field(default_factory=dict)


def write_pipeline(file: Path, tasks: dict[str, Task], defaults=None) -> Path:
    """Write what matters here of a compiled pipeline."""
    parameters = {name: {"defaultValue": value} for name, value in (defaults or {}).items()}
    containers = {
        f"exec-{name}": {"container": {"image": task.image, "resources": task.resources}}
        for name, task in tasks.items()
    }
    wishes = {f"exec-{name}": task.wishes for name, task in tasks.items()}
    documents = [
        {
            "root": {"inputDefinitions": {"parameters": parameters}},
            "deploymentSpec": {"executors": containers},
        },
        {"platforms": {"kubernetes": {"deploymentSpec": {"executors": wishes}}}},
    ]
    file.write_text(yaml.safe_dump_all(documents))
    return file


def write(folder: Path, resources, wishes=None, defaults=None) -> Path:
    return write_pipeline(folder / "pipeline.yaml", {"a": Task("i:1", resources, wishes or {})}, defaults)


def test_requests_are_read_in_the_units_of_kubernetes(tmp_path):
    file = write(tmp_path, {"resourceCpuRequest": "200m", "resourceMemoryRequest": "512Mi"})
    (pod,) = read_demands([file], None).pods
    assert (pod.task, pod.cpu, pod.memory, pod.accelerators) == ("a", Decimal("0.2"), GIB // 2, 0)


def test_parameters_have_their_defaults(tmp_path):
    resources = {
        "resourceCpuRequest": "{{$.inputs.parameters['pipelinechannel--cpu']}}",
        "accelerator": {"resourceType": "{{$.inputs.parameters['accelerator']}}", "resourceCount": "2"},
    }
    wishes = {
        "nodeSelector": {"nodeSelectorJson": {"componentInputParameter": "pipelinechannel--labels"}},
        "tolerations": [{"tolerationJson": {"componentInputParameter": "taints"}}],
    }
    defaults = {"cpu": "3", "accelerator": "amd.com/gpu", "labels": {"pool": "gpu"}, "taints": [{"key": "gpu"}]}
    (pod,) = read_demands([write(tmp_path, resources, wishes, defaults)], None).pods
    assert (pod.cpu, pod.accelerator, pod.accelerators) == (Decimal(3), "amd.com/gpu", 2)
    assert (pod.selector, pod.tolerations) == ({"pool": "gpu"}, ({"key": "gpu"},))


def test_a_parameter_without_a_default_is_unknown(tmp_path):
    file = write(tmp_path, {"resourceCpuRequest": "{{$.inputs.parameters['pipelinechannel--cpu']}}"})
    (pod,) = read_demands([file], None).pods
    assert pod.cpu is None


def test_images_of_tasks_and_of_models_are_named_once(tmp_path):
    file = write(tmp_path, {}, defaults={"image": "serve:1"})
    assert read_demands([file, file], None).images == {"i:1", "serve:1"}


def test_a_lines_model_asks_for_what_its_file_says():
    line = ProductLine.from_yaml("name: bottles\ndeployment: {cpu: 1.5, memory: 3Gi, gpus: 1}\n")
    (pod,) = read_demands([], line).pods
    assert (pod.cpu, pod.memory, pod.accelerator, pod.accelerators) == (Decimal("1.5"), 3 * GIB, "nvidia.com/gpu", 1)


@pytest.mark.parametrize("text", ["a: 1", "", "[", "- 1"])
def test_what_is_no_pipeline_is_refused(tmp_path, text):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(PipelineServerError, match="make compile"):
        read_demands([tmp_path / "x.yaml"], None)


def test_the_committed_pipelines_say_what_each_task_reserves():
    files = sorted((Path(__file__).parents[2] / "pipelines/compiled").glob("*.yaml"))
    found = read_demands(files, None)
    assert {"ingest", "segnet", "deployment"} <= {pod.task for pod in found.pods}
    assert all(pod.cpu and pod.memory for pod in found.pods)
    assert all(pod.selector and pod.tolerations for pod in found.pods if pod.accelerators)
