"""What a full run of a product line takes, before it runs: an estimate by measured ratios."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from csad.common.tables import table
from csad.config.line import ProductLine
from csad.runner.stage_order import DATA, ORDER
from pipelines.image_counts import ImageCounts
from pipelines.last_run import LastRun
from pipelines.pods import SECONDS_A_STEP, Load
from pipelines.shape import Shape
from pipelines.stage_costs import StageCosts
from pipelines.stage_work import Workload

Hardware = Literal["CPU", "GPU"]
BEHIND = ("release",)
"""Tasks that read all images and are not among the measured stages."""


@dataclass(frozen=True)
class StageEstimate:
    """One stage.

    Attributes:
        name: Name of the stage.
        hardware: Where the pipeline runs it.
        minutes: Work of one CPU core; on a GPU node wall time, where that was measured. None where nothing like it was.
        reads: Megabytes that its tasks fetch from the store.
        writes: Megabytes that they put there.
        last: Minutes that it took in the line's last run; None where it did not run.
    """

    name: str
    hardware: Hardware
    minutes: float | None
    reads: float
    writes: float
    last: float | None = None


@dataclass(frozen=True)
class Estimate:
    """A full run of a line, without anything from the cache.

    Attributes:
        line: Name of the product line.
        images: What it is of.
        stages: In their order.
        load: Tasks, pods and steps in a row.
        wall: Minutes from start to end on a cluster with room: the longest way through the stages, the start of each
            task's process, and Kubeflow's own time.
        doubts: What was left out or guessed.
        source: Where the ratios come from.
        last: The line's last run that did the work; None where there is none, or where no server was asked.
    """

    line: str
    images: ImageCounts
    stages: tuple[StageEstimate, ...]
    load: Load
    wall: float
    doubts: tuple[str, ...]
    source: str
    last: LastRun | None = None

    @property
    def work(self) -> float:
        """Minutes of all measured stages, each as `StageEstimate.minutes` says."""
        return sum(stage.minutes or 0 for stage in self.stages)

    def minutes_on(self, hardware: Hardware) -> float:
        """Minutes of the stages that run there."""
        return sum(stage.minutes or 0 for stage in self.stages if stage.hardware == hardware)

    @property
    def is_lower_bound(self) -> bool:
        """A stage was not measured."""
        return any(stage.minutes is None for stage in self.stages)

    def headline(self) -> str:
        """One line for people."""
        least = "at least " if self.is_lower_bound else ""
        traffic = sum(stage.reads + stage.writes for stage in self.stages)
        return (
            f"{self.line}: {least}{_minutes(self.work)} of work for {self.images.total} images, "
            f"{least}{_minutes(self.wall)} on a cluster, {self.load.pods} pods, {traffic:.0f} MB of store traffic"
        )

    def to_json(self) -> dict[str, Any]:
        """Write for scripts."""
        totals = {"work": self.work, "cpu": self.minutes_on("CPU"), "gpu": self.minutes_on("GPU")}
        return asdict(self) | {"estimate": True, "minutes": totals, "is_lower_bound": self.is_lower_bound}

    def to_text(self) -> str:
        """Write for people."""
        head = ("stage", "on", "minutes", "reads MB", "writes MB", *(("last run",) if self.last else ()))
        rows = [
            (
                stage.name,
                stage.hardware,
                "not measured" if stage.minutes is None else f"{stage.minutes:.1f}",
                f"{stage.reads:.1f}",
                f"{stage.writes:.1f}",
                *((("-" if stage.last is None else f"{stage.last:.1f}"),) if self.last else ()),
            )
            for stage in self.stages
        ]
        images = self.images
        lines = [
            f"estimate of a full run, not a measurement: {self.headline()}",
            f"images   {images.train} train, {images.validation} validation, {images.test} test, "
            f"{images.megabytes:.1f} MB",
            "",
            table(head, rows),
            "",
            f"work     {_minutes(self.minutes_on('CPU'))} on CPU, {_minutes(self.minutes_on('GPU'))} on GPU nodes",
            f"cluster  {self.load}",
        ]
        if self.last:
            lines.append(f"last run {self.last.name} took {_minutes(self.last.minutes)} ({self.last.run})")
        return "\n".join([*lines, *(f"note: {doubt}" for doubt in self.doubts), f"ratios: {self.source}"])


def estimate_run(
    line: ProductLine,
    images: ImageCounts,
    shape: Shape,
    load: Load,
    costs: StageCosts,
    gpu: bool,
    last: LastRun | None = None,
    gpu_costs: StageCosts | None = None,
) -> Estimate:
    """Estimate a full run.

    Args:
        line: Product line.
        images: What it is of.
        shape: Form of its pipeline.
        load: Its tasks, pods and steps.
        costs: Ratios measured on one CPU core.
        gpu: The cluster has GPU nodes.
        last: A run to compare with.
        gpu_costs: Ratios measured on a GPU node; None where there are none: those of `costs` stand in for them.
    """
    work = Workload.of(line, images.train, images.validation, images.test)
    unmeasured = find_unmeasured(line, shape)
    on_gpu = shape.stages_on_gpu() if gpu else ()
    ratios = {
        name: gpu_costs if gpu_costs and name in on_gpu and name in gpu_costs.seconds else costs
        for name in ("ingest", *shape.stages())
    }
    stages = tuple(
        StageEstimate(
            name=name,
            hardware="GPU" if name in on_gpu else "CPU",
            minutes=None if name in unmeasured else ratios[name].seconds_of(name, work) / 60,
            reads=_reads(name, work, images, shape, costs),
            writes=_writes(name, work, images, costs),
            last=last.stages.get(name) if last else None,
        )
        for name in ratios
    )
    used = [costs, *([gpu_costs] if gpu_costs and gpu_costs in ratios.values() else [])]
    start = max(one.start for one in used)  # which of the steps in a row have a GPU is not known here
    wall = _longest_way(stages, shape) + load.steps * (start + SECONDS_A_STEP) / 60
    doubts = [f"{name} was not measured: {reason}; it is left out of all sums" for name, reason in unmeasured.items()]
    guessed = [name for name in on_gpu if ratios[name] is costs and name not in unmeasured]
    if guessed and gpu_costs is None:
        doubts.append("minutes on GPU nodes are those of one CPU core: no ratios were measured on a GPU yet")
    elif guessed:
        doubts.append(
            f"minutes of {', '.join(guessed)} on GPU nodes are those of one CPU core: the ratios measured on a GPU "
            "have none of them"
        )
    doubts += [
        f"statistics was measured without {', '.join(one.without)} ({one.machine}), with which it takes longer"
        for one in used
        if one.without and ratios.get("statistics") is one
    ]
    doubts.append("gate and packaging are left out of the work, and the promotion of an accepted model of everything")
    source = "; on GPU nodes ".join(_source(one) for one in used)
    return Estimate(line.name, images, stages, load, wall, tuple(doubts), source, last)


def find_unmeasured(line: ProductLine, shape: Shape) -> dict[str, str]:
    """The stages that no ratio is of, with the setting that makes it so."""
    usual = ProductLine(name="any")
    reasons: dict[str, str] = {}
    if line.backbone.name != usual.backbone.name:
        names = ("clustering", "segnet", "lgst", "statistics", "evaluation")
        reasons |= dict.fromkeys(names, f"backbone.name is {line.backbone.name}")
    students = {"global_student": line.lgst.global_student, "local_student": line.lgst.local_student}
    for name, kind in students.items():
        if kind not in (getattr(usual.lgst, name), "none"):
            reasons |= dict.fromkeys(("lgst", "statistics", "evaluation"), f"lgst.{name} is {kind}")
    if shape.foundation:
        stages = ("tagging", "masks") if shape.asks_tagger else ("masks",)
        reasons |= dict.fromkeys(stages, "pseudo_labels.proposals is foundation")
    return reasons


def _source(costs: StageCosts) -> str:
    return f"{costs.machine}, {costs.date}, csad {costs.csad}, commit {costs.commit[:12]}, {costs.data}"


def _longest_way(stages: tuple[StageEstimate, ...], shape: Shape) -> float:
    """Minutes until the last stage ends, where each starts as soon as those that it reads have ended."""
    minutes = {stage.name: stage.minutes or 0.0 for stage in stages}
    ends = {DATA: 0.0}
    for step in ORDER:
        parts = shape.shards if step.name == "masks" else 1
        ends[step.name] = max(ends[source] for source in step.inputs.values()) + minutes.get(step.name, 0.0) / parts
    return max(ends.values())


def _reads(name: str, work: Workload, images: ImageCounts, shape: Shape, costs: StageCosts) -> float:
    """Megabytes of images and of other stages' outputs; what gate and packaging read counts with `evaluation`."""
    if name == "ingest":
        return images.megabytes
    (step,) = (step for step in ORDER if step.name == name)
    sources = [source for source in step.inputs.values() if source in shape.stages()]
    outputs = sum(costs.megabytes_of(source, work) for source in sources)
    if name == "evaluation":
        return (1 + len(BEHIND)) * images.megabytes + len(BEHIND) * costs.megabytes_of("statistics", work) + outputs
    tasks = shape.shards if name == "masks" else 1
    return tasks * (_training_megabytes(work, images) + outputs)


def _writes(name: str, work: Workload, images: ImageCounts, costs: StageCosts) -> float:
    if name == "ingest":
        return images.megabytes + _training_megabytes(work, images)
    return costs.megabytes_of(name, work)


def _training_megabytes(work: Workload, images: ImageCounts) -> float:
    return images.megabytes * work.normal / (work.normal + work.test)


def _minutes(value: float) -> str:
    return f"{value:.1f} min" if value < 10 else f"{value:.0f} min"
