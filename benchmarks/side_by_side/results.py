"""The figures of a run as a record, and as Markdown."""

from collections.abc import Sequence
from statistics import median

from benchmarks.side_by_side.contenders import CSAD, Contender
from benchmarks.side_by_side.turns import Measured
from benchmarks.stored import StoredResult
from csad.common.tables import markdown_table

ABSENT = "-"
MEBIBYTE = 2**20
HEAD = ("method", "runtime", "ms", "processor ms", "/ csad's best", "images/s, batch", "per processor second")
COSTS = ("method", "runtime", "start s", "processor s", "peak MiB, one image", "batch", "files MB")


class Row(StoredResult):
    """One method in one runtime.

    Attributes:
        method: Name of the method.
        runtime: "torch", "onnxruntime" or "openvino".
        version: Version of the runtime.
        precision: What it computed in.
        milliseconds: One image by the clock, median.
        processor_milliseconds: The same of the processors.
        per_second: Images per second in batches, by the clock, median.
        per_processor_second: Images per second of processor time in batches, median.
        start: Seconds from the start of a process to its first score, median.
        processor_start: Processor time until then, median.
        single_memory: Peak resident memory with single images, MiB.
        memory: The same after batches, MiB.
        megabytes: Size of its files, 10^6 bytes.
        auroc: Image AUROC in percent by kind of anomaly and "mean"; None without trained weights.
    """

    method: str
    runtime: str
    version: str
    precision: str
    milliseconds: float
    processor_milliseconds: float
    per_second: float
    per_processor_second: float
    start: float
    processor_start: float
    single_memory: float
    memory: float
    megabytes: float
    auroc: dict[str, float] | None

    @property
    def name(self) -> str:
        """Method and runtime."""
        return f"{self.method}, {self.runtime}"


class Comparison(StoredResult):
    """A run.

    Attributes:
        rows: Its figures.
        left_out: Who did not take part and why, a sentence each.
        batch: Images per batch.
        singles: Timed calls with one image.
        batches: Timed calls with a batch.
        starts: Processes started for each.
        threads: Processors that each might use.
        images: What was scored.
        test_images: Test images behind the AUROC.
        date: UTC.
        machine: Processor and cores.
        load: Load average before the run.
        commit: The repository's; "+ changes" where the working tree differs from it.
        versions: Packages of either environment.
        command: How it was called.
    """

    rows: tuple[Row, ...]
    left_out: tuple[str, ...]
    batch: int
    singles: int
    batches: int
    starts: int
    threads: int
    images: str
    test_images: int
    date: str
    machine: str
    load: float
    commit: str
    versions: dict[str, str]
    command: str


def row(contender: Contender, measured: Measured, batch: int, auroc: dict[str, float] | None) -> Row:
    """Sum up what was measured of a contender."""
    return Row(
        method=contender.method,
        runtime=contender.runtime,
        version=measured.version,
        precision=measured.precision,
        milliseconds=1000 * median(measured.single.clock),
        processor_milliseconds=1000 * median(measured.single.processors),
        per_second=batch / median(measured.batch.clock),
        per_processor_second=batch / median(measured.batch.processors),
        start=median(measured.starts.clock),
        processor_start=median(measured.starts.processors),
        single_memory=measured.single_memory / MEBIBYTE,
        memory=measured.memory / MEBIBYTE,
        megabytes=contender.megabytes,
        auroc=auroc,
    )


def best(rows: Sequence[Row], method: str) -> Row | None:
    """A method's runtime that takes the least processor time for one image; None where it did not take part."""
    own = [one for one in rows if one.method == method]
    return min(own, key=lambda one: one.processor_milliseconds, default=None)


def markdown(found: Comparison) -> str:
    """Tables and the origin of their figures."""
    ours = best(found.rows, CSAD)
    speed = [
        (
            one.method,
            f"{one.runtime} ({one.precision})",
            f"{one.milliseconds:.1f}",
            f"{one.processor_milliseconds:.1f}",
            f"{one.processor_milliseconds / ours.processor_milliseconds:.2f}" if ours else ABSENT,
            f"{one.per_second:.1f}",
            f"{one.per_processor_second:.1f}",
        )
        for one in found.rows
    ]
    costs = [
        (
            one.method,
            one.runtime,
            f"{one.start:.1f}",
            f"{one.processor_start:.1f}",
            f"{one.single_memory:.0f}",
            f"{one.memory:.0f}",
            f"{one.megabytes:.0f}",
        )
        for one in found.rows
    ]
    parts = [
        f"One image and batches of {found.batch}, medians; {found.threads} threads each. csad: the whole scorer with "
        "map and explanations, from decoded images. PatchCore (EfficientNet-Lite0): from decoded squares of 256 px. "
        "The others: the network alone, from prepared squares of 256 px, with random weights, on which its time does "
        "not depend.",
        markdown_table(HEAD, speed, right_from=2),
        "From the start of a process to its first score, peak memory of a process, and size of its files (csad: the "
        "whole model folder, which serves every runtime).",
        markdown_table(COSTS, costs, right_from=2),
        _detection(found),
        *_ratios(found),
        "\n".join(_origin(found)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _detection(found: Comparison) -> str:
    measured = [one for one in found.rows if one.auroc is not None]
    if not measured:
        return "Detection was not measured."
    kinds = [kind for kind in measured[0].auroc or {} if kind != "mean"]
    head = ("method", "runtime", *(f"AUROC {kind.removesuffix('_anomalies')}" for kind in kinds), "mean")
    rows = [
        (one.method, one.runtime, *(f"{(one.auroc or {})[kind]:.1f}" for kind in (*kinds, "mean"))) for one in measured
    ]
    without = sorted({one.method for one in found.rows if one.auroc is None})
    note = f" Without trained weights, so not measured: {', '.join(without)}." if without else ""
    return f"Detection on the same {found.test_images} test images.{note}\n\n{markdown_table(head, rows, 2)}"


def _ratios(found: Comparison) -> list[str]:
    ours, lines = best(found.rows, CSAD), []
    for method in dict.fromkeys(one.method for one in found.rows):
        other = best(found.rows, method)
        if ours and other and method != CSAD:
            ratio = ours.processor_milliseconds / other.processor_milliseconds
            lines.append(f"- {ours.name} / {other.name}: {ratio:.2f}")
    return ["Processor time of one image, best runtime of each:\n\n" + "\n".join(lines)] if lines else []


def _origin(found: Comparison) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    return [
        *(f"- left out: {reason}" for reason in found.left_out),
        f"- {found.singles} single images, {found.batches} batches, {found.starts} starts of each, taking turns; "
        f"images: {found.images}",
        f"- date: {found.date} UTC, commit {found.commit}",
        f"- machine: {found.machine}, load {found.load:.1f} before",
        f"- versions: {versions}",
        f"- command: `{found.command}`",
    ]
