"""What a stage has to say when it is done."""

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

from csad.common import atomic
from csad.common.humanize import plain, plural

_log = logging.getLogger(__name__)


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
        return ", ".join(f"{plain(name)} {value:g}" for name, value in self.metrics().items())

    def sorted_figures(self) -> dict[str, float]:
        """The finite figures by names that sort as the fields stand, such as "01_auroc_mean"."""
        places = {field.name: number for number, field in enumerate(fields(self), start=1)}
        last = len(places) + 1
        return {f"{places.get(name, last):02d}_{name}": value for name, value in finite(self.metrics()).items()}

    def log_to(self, sink: MetricSink, path: str | None = None) -> None:
        """Record every figure, by names that sort: Kubeflow lists them in the order of the alphabet.

        Args:
            sink: Where to.
            path: File of the sink, which gets the figures as JSON: an artifact without its file counts as lost.
        """
        figures = self.sorted_figures()
        for name, value in figures.items():
            sink.log_metric(name, value)
        if path is not None:
            atomic.write_text(Path(path), json.dumps(figures, indent=2) + "\n")


def finite(figures: Mapping[str, float]) -> dict[str, float]:
    """Leave out what is infinite or no number, with a warning: a pipeline's task fails by such a metric."""
    left_out = sorted(name for name, value in figures.items() if not math.isfinite(value))
    if left_out:
        _log.warning(
            "%s without a finite value, left out of the metrics: %s",
            plural(len(left_out), "figure"),
            ", ".join(left_out),
        )
    return {name: value for name, value in figures.items() if name not in left_out}
