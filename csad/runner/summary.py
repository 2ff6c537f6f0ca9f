"""What a stage has to say when it is done."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

from csad.common import atomic


class MetricSink(Protocol):
    """Where figures go; a pipeline's metrics artifact is one."""

    def log_metric(self, metric: str, value: float) -> None:
        """Record one figure."""
        ...


@dataclass(frozen=True)
class Summary:
    """Base of the stages' summaries: fields are figures or short texts."""

    def metrics(self) -> dict[str, float]:
        """The fields that are numbers."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}

    def headline(self) -> str:
        """One line for people."""
        return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in self.metrics().items())

    def log_to(self, sink: MetricSink, path: str | None = None) -> None:
        """Record every figure.

        Args:
            sink: Where to.
            path: File of the sink, which gets the figures as JSON: an artifact without its file counts as lost.
        """
        for name, value in self.metrics().items():
            sink.log_metric(name, value)
        if path is not None:
            atomic.write_text(Path(path), json.dumps(self.metrics(), indent=2) + "\n")


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: "1 image", "2 images"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
