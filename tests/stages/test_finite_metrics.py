"""A figure without a finite value fails a task of Kubeflow, so it is left out and named."""

import json
import logging
import math
from dataclasses import dataclass

from csad.runner.summary import Summary


@dataclass(frozen=True)
class Figures(Summary):
    images: int
    auroc: float
    threshold: float


class Sink(dict):
    def log_metric(self, metric, value):
        self[metric] = value


def test_infinity_and_nan_are_left_out_of_the_metrics_and_named(tmp_path, caplog):
    sink = Sink()
    with caplog.at_level(logging.WARNING):
        Figures(3, math.nan, math.inf).log_to(sink, str(tmp_path / "metrics.json"))
    assert sink == json.loads((tmp_path / "metrics.json").read_text()) == {"01_images": 3.0}
    assert "2 figures without a finite value, left out of the metrics: auroc, threshold" in caplog.text


@dataclass(frozen=True)
class Ranked(Summary):
    mean: float
    kinds: dict

    def metrics(self):
        return super().metrics() | self.kinds


def test_metrics_sort_as_the_summary_has_them_and_what_is_no_field_comes_last():
    assert Ranked(2.0, {"a_kind": 1.0}).sorted_figures() == {"01_mean": 2.0, "03_a_kind": 1.0}
