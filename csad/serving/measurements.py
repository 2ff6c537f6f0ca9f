"""Prometheus metrics. Labels come from fixed lists, so that no request can make the registry grow.

BentoML's own request metrics label every path that anybody asks for, without bound; they are switched off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

if TYPE_CHECKING:
    from csad.scoring.scorer import Score
    from csad.serving.model import ServedModel

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
RELATIVE_SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Buckets as multiples of the threshold: 1 divides good from rejected whatever the line."""
PHASES = ("read", "decode", "queue", "score", "total")
PATHS = ("/", "/score", "/score_batch", "/explain", "/model", "/metrics", "/docs.json", "/livez", "/readyz")


class Measurements:
    """The metrics of one service."""

    def __init__(self, model: ServedModel) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._scores = Histogram(
            "csad_score_over_threshold",
            "Score divided by the threshold.",
            buckets=RELATIVE_SCORES,
            registry=registry,
        )
        self._decisions = Counter(
            "csad_decisions",
            "Images decided on; the reject rate is rate(rejected) / rate(all).",
            ["decision"],
            registry=registry,
        )
        self._phases = Histogram(
            "csad_phase_seconds",
            "Seconds of a request per phase: read its body, decode, wait in the queue, score, all together.",
            ["phase"],
            buckets=SECONDS,
            registry=registry,
        )
        self._batches = Histogram(
            "csad_batch_images",
            "Images scored in one pass, counted once per image.",
            buckets=(1, 2, 3, 4, 6, 8, 12, 16, 32),
            registry=registry,
        )
        self._requests = Counter("csad_requests", "Requests answered.", ["path", "status"], registry=registry)
        self._problems = Counter("csad_problems", "Images and requests refused.", ["error"], registry=registry)
        threshold = Gauge("csad_threshold", "The model's threshold.", registry=registry)
        threshold.set(model.card.threshold.value)
        info = Gauge(
            "csad_model_info", "The model that decides; always 1.", ["line", "version", "snapshot"], registry=registry
        )
        info.labels(model.name.line, model.name.version, model.card.snapshot).set(1)
        for decision in ("good", "rejected"):
            self._decisions.labels(decision)
        for phase in PHASES:
            self._phases.labels(phase)

    def decided(self, score: Score, batch: int) -> None:
        """Count a decision."""
        self._scores.observe(score.value / score.threshold if score.threshold > 0 else float(score.anomalous) * 2)
        self._decisions.labels("rejected" if score.anomalous else "good").inc()
        self._batches.observe(batch)

    def observe(self, phase: str, seconds: float) -> None:
        """Record the duration of a phase."""
        self._phases.labels(phase).observe(seconds)

    def answered(self, path: str, status: int) -> None:
        """Count a request."""
        self._requests.labels(path if path in PATHS else "other", str(status)).inc()

    def refused(self, error: str) -> None:
        """Count a problem by its word; the words are those of `csad.serving.problems`."""
        self._problems.labels(error).inc()

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self._registry)
