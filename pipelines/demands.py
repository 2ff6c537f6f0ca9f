"""What compiled pipelines ask a cluster for: images, cores, memory, accelerators, volumes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from kubernetes.utils.quantity import parse_quantity

from csad.config.line import ProductLine
from kfp_client.gpu_nodes import OF_GPUS, gpu_parameters
from kfp_client.server import PipelineServerError
from pipelines.resources import GPU_ACCELERATOR

EXECUTOR = "exec-"
PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['(?:pipelinechannel--)?(.+?)'\]\}\}")
CHANNEL = "pipelinechannel--"


@dataclass(frozen=True)
class Demand:
    """What one pod reserves.

    Attributes:
        task: Whose pod.
        cpu: Cores; None where only a run's parameters decide.
        memory: Bytes; None likewise.
        accelerator: Name of the resource; "" for none.
        accelerators: How many.
        selector: Labels that its node must carry.
        tolerations: Taints of the node that are accepted.
    """

    task: str
    cpu: Decimal | None
    memory: Decimal | None
    accelerator: str = ""
    accelerators: int = 0
    selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class Demands:
    """What pipelines, and the model that they bring into service, ask for.

    Attributes:
        images: References.
        pods: One per task.
        namespace: Where models of runs that do not say it are served; None where no pipeline says it.
        claims: Tasks that mount each PersistentVolumeClaim, by its name.
    """

    images: frozenset[str]
    pods: tuple[Demand, ...]
    namespace: str | None = None
    claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_demands(packages: list[Path], line: ProductLine | None) -> Demands:
    """Read compiled pipelines with the defaults of their parameters.

    Args:
        packages: Compiled files.
        line: Product line; its model's pods are added, and its accelerators and nodes count.

    Raises:
        PipelineServerError: A file is no compiled pipeline.
    """
    images: set[str] = set()
    pods: list[Demand] = []
    namespace = None
    claims: dict[str, tuple[str, ...]] = {}
    for package in packages:
        try:
            documents = list(yaml.load_all(package.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
            defaults = _defaults(documents[0])
            namespace = namespace or defaults.get("namespace")
            if line is not None and OF_GPUS[0] in defaults:
                defaults |= gpu_parameters(line)
            images |= {str(defaults["image"])} if "image" in defaults else set()
            for name, container, wishes in _executors(documents):
                images.add(str(container["image"]))
                pods.append(_demand(name, container.get("resources", {}), wishes, defaults))
                for claim in _claims(wishes, defaults):
                    claims[claim] = (*claims.get(claim, ()), name)
        except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise PipelineServerError(f"{package} is no compiled pipeline; write it with `make compile`") from error
    return Demands(frozenset(images), tuple(pods + ([_serving(line)] if line else [])), namespace, claims)


def _defaults(specification: dict[str, Any]) -> dict[str, Any]:
    known = specification["root"].get("inputDefinitions", {}).get("parameters", {})
    return {name: about["defaultValue"] for name, about in known.items() if "defaultValue" in about}


def _executors(documents: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    platform = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if len(documents) > 1 else {}
    for name, executor in documents[0]["deploymentSpec"]["executors"].items():
        if "container" in executor:
            yield name.removeprefix(EXECUTOR), executor["container"], platform.get(name, {})


def _demand(task: str, resources: dict[str, Any], wishes: dict[str, Any], defaults: dict[str, Any]) -> Demand:
    accelerator = resources.get("accelerator", {})
    count = _resolved(accelerator.get("resourceCount", "0"), defaults) or "0"
    wanted = _given(wishes.get("nodeSelector", {}), "nodeSelectorJson", "labels", defaults) or {}
    tolerated: list[dict[str, str]] = []
    for one in wishes.get("tolerations", []):
        given = _given(one, "tolerationJson", None, defaults)
        tolerated += given if isinstance(given, list) else [given] if given else []
    return Demand(
        task=task,
        cpu=_amount(resources.get("resourceCpuRequest", 0), defaults),
        memory=_amount(resources.get("resourceMemoryRequest", 0), defaults),
        accelerator=str(_resolved(accelerator.get("resourceType", ""), defaults) or ""),
        accelerators=int(count),
        selector={str(key): str(value) for key, value in wanted.items()},
        tolerations=tuple(tolerated),
    )


def _claims(wishes: dict[str, Any], defaults: dict[str, Any]) -> Iterator[str]:
    """Names of the volumes that a task mounts, where they are written down or are a parameter's default."""
    for mount in wishes.get("pvcMount", []):
        named = mount.get("pvcNameParameter", {})
        parameter = named.get("componentInputParameter", "").removeprefix(CHANNEL)
        name = defaults.get(parameter) if parameter else named.get("runtimeValue", {}).get("constant")
        if name:
            yield str(name)


def _given(wish: dict[str, Any], parameter: str, inline: str | None, defaults: dict[str, Any]) -> Any:
    """A wish is written down, or is the value of a pipeline parameter."""
    name = wish.get(parameter, {}).get("componentInputParameter", "").removeprefix(CHANNEL)
    if name:
        return defaults.get(name)
    return wish.get(inline) if inline else {key: value for key, value in wish.items() if key != parameter}


def _resolved(value: Any, defaults: dict[str, Any]) -> Any:
    match = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return defaults.get(match[1]) if match else value


def _amount(value: Any, defaults: dict[str, Any]) -> Decimal | None:
    found = _resolved(value, defaults)
    return None if found in (None, "") or "{{" in str(found) else Decimal(parse_quantity(str(found)))


def _serving(line: ProductLine) -> Demand:
    wanted = line.deployment
    accelerator = GPU_ACCELERATOR if wanted.gpus else ""
    return Demand(
        task=f"model of {line.name}",
        cpu=Decimal(str(wanted.cpu)),
        memory=Decimal(parse_quantity(wanted.memory)),
        accelerator=accelerator,
        accelerators=wanted.gpus,
        tolerations=({"key": GPU_ACCELERATOR, "operator": "Exists"},) if wanted.gpus else (),
    )
