"""Accelerators and nodes of a run's GPU tasks, where a line or a command names others than the pipeline."""

from pathlib import Path

import yaml

from csad.common.errors import LineError
from csad.config.line import ProductLine
from csad.config.schedule import TOLERATION

OF_GPUS = ("accelerator", "accelerator_count", "node_selector", "tolerations")
"""Parameters of a training pipeline that is compiled for GPUs, and keys of a line's section `schedule`."""


def gpu_parameters(line: ProductLine) -> dict[str, object]:
    """Parameters of a training run for what the line's schedule names; none for what it leaves to the pipeline."""
    named = {name: value for name in OF_GPUS if (value := getattr(line.schedule, name)) is not None}
    if "accelerator_count" in named:
        named["accelerator_count"] = str(named["accelerator_count"])
    if line.schedule.tolerations is not None:
        named["tolerations"] = [_toleration(text) for text in line.schedule.tolerations]
    return named


def require_gpus(line: ProductLine, gpus: bool, package: str) -> None:
    """Make sure that a pipeline can be told what a line names.

    Args:
        line: Product line.
        gpus: Whether the pipeline is compiled for GPUs.
        package: Its name, for the message.

    Raises:
        LineError: It is not, and the line names some.
    """
    named = list(gpu_parameters(line))
    if named and not gpus:
        raise LineError(
            f"line {line.name}: {', '.join(named)} cannot be given, since {package} is compiled without GPUs; leave "
            "them out of the line's `schedule` and of the command, or compile with --gpu"
        )


def has_gpus(package: Path) -> bool:
    """Whether a compiled training pipeline has parameters for accelerators."""
    specification = next(yaml.load_all(package.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    return OF_GPUS[0] in specification["root"].get("inputDefinitions", {}).get("parameters", {})


def _toleration(text: str) -> dict[str, str]:
    """The Kubernetes form of a toleration that a line or a command names."""
    found = TOLERATION.fullmatch(text)
    assert found is not None  # the line was checked
    operator = "Exists" if found["value"] is None else "Equal"
    parts = {"key": found["key"], "operator": operator, "value": found["value"], "effect": found["effect"]}
    return {name: value for name, value in parts.items() if value is not None}
