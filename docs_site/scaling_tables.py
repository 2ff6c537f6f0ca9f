"""What runs cost a cluster, counted from compiled pipelines; the page `scaling.md` holds the assumptions."""

import tempfile
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from itertools import combinations
from pathlib import Path

from csad.config.line import ProductLine
from docs_site.pipeline_graph import read_tasks
from docs_site.tables import table
from pipelines.demands import Demand, read_demands
from pipelines.packages import Target, compile_for
from pipelines.pods import SECONDS_A_STEP, Load, count_pods

WORKFLOW_BYTES_PER_TASK = 1_000_000 / 600
"""Seen on Kubeflow Pipelines 2.17.0: a run of 600 tasks made a Workflow object of 1.0 MB."""
ETCD_BYTES = 1_500_000
"""Largest object that etcd takes as it is set up."""
LINES = (10, 100, 1000)
GIB = Decimal(2**30)
SHAPES: Mapping[str, Mapping[str, object]] = {
    "a line as `csad line new` writes it": {},
    "foundation models name and find the parts": {"pseudo_labels": {"proposals": "foundation"}},
    "the same, masks shared by 4 tasks": {
        "pseudo_labels": {"proposals": "foundation"},
        "schedule": {"mask_shards": 4},
    },
    "the same, masks shared by 256 tasks (the most)": {
        "pseudo_labels": {"proposals": "foundation"},
        "schedule": {"mask_shards": 256},
    },
}


def run_load() -> str:
    """A table of what one run of each form of the pipeline takes."""
    rows = []
    for name, settings in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            line = ProductLine.from_yaml(str({"name": "any", **settings}))
            training, _ = compile_for(line, Target(), Path(folder))
            load, size = count_pods(training), training.stat().st_size
        rows.append(
            (
                name,
                str(load.first.tasks),
                str(load.first.pods),
                f"{load.first.steps * SECONDS_A_STEP} s",
                str(load.unchanged.pods),
                f"{size / 1000:.0f} kB",
                f"{100 * load.first.tasks * WORKFLOW_BYTES_PER_TASK / ETCD_BYTES:.0f} %",
            )
        )
    head = (
        "form",
        "tasks",
        "pods, first run",
        "Kubeflow's time",
        "pods, unchanged data",
        "compiled",
        "of etcd's limit",
    )
    return table(head, rows)


def many_lines() -> str:
    """A table of what 10, 100 and 1,000 lines take, each retrained once a week."""
    changed, promotion, unchanged = _loads()
    cpu, memory, gpus = peak_reservation()
    serving = ProductLine(name="any").deployment
    rows = {
        "recurring runs on the server": lambda n: f"{n:,}",
        "runs a week, promotions included": lambda n: f"{2 * n:,}",
        "pods a week, all data changed": lambda n: f"{n * (changed.pods + promotion.pods):,}",
        "pods a week, no data changed": lambda n: f"{n * unchanged.pods:,}",
        f"pods at once, if all start together ({_widest_pods()} a run)": lambda n: f"{n * _widest_pods():,}",
        f"reserved at once by trainings, if all start together ({cpu:f} cores, {memory:f} GiB a run)": (
            lambda n: f"{n * cpu:,f} cores, {n * memory:,f} GiB"
        ),
        f"GPUs at once ({gpus} a run)": lambda n: f"{n * gpus:,}",
        "the same, spread over a night of 8 hours, an hour a run": (
            lambda n: f"{_spread(n) * cpu:,f} cores, {_spread(n) * gpus:,} GPUs"
        ),
        f"reserved by one serving pod a line (`cpu: {serving.cpu:g}`, `memory: {serving.memory}`)": (
            lambda n: f"{n * serving.cpu:,.0f} cores, {n * 2:,} GiB"
        ),
        "the same with `deployment.cpu: 200m`": lambda n: f"{n * 0.2:,.0f} cores, {n * 2:,} GiB",
    }
    head = ("", *(f"{count:,} lines" for count in LINES))
    return table(head, [(what, *(cell(count) for count in LINES)) for what, cell in rows.items()])


@cache
def peak_reservation() -> tuple[Decimal, Decimal, int]:
    """Cores, GiB and GPUs that the tasks of a run reserve at most at the same time."""
    demands = {one.task: one for one in _training_demands()}
    widest = max(_antichains(), key=lambda names: sum(demands[name].cpu or 0 for name in names))
    cpu = sum((demands[name].cpu or Decimal(0) for name in widest), Decimal(0))
    memory = sum((demands[name].memory or Decimal(0) for name in widest), Decimal(0)) / GIB
    most = max(sum(demands[name].accelerators for name in names) for names in _antichains())
    return cpu.normalize(), memory.normalize(), most


def _antichains() -> list[tuple[str, ...]]:
    """Single tasks, and pairs that may run at the same time."""
    after = {task.name: task.after for task in read_tasks() if task.kind != "own run"}

    def follows(name: str, other: str) -> bool:
        return any(one == other or follows(one, other) for one in after[name])

    pairs = [pair for pair in combinations(after, 2) if not follows(*pair) and not follows(*reversed(pair))]
    return [*((name,) for name in after), *pairs]


def _training_demands() -> tuple[Demand, ...]:
    with tempfile.TemporaryDirectory() as folder:
        training, _ = compile_for(ProductLine(name="any"), Target(), Path(folder))
        return read_demands([training], None).pods


@cache
def _loads() -> tuple[Load, Load, Load]:
    """A first run, the promotion behind it, and a run with unchanged data."""
    with tempfile.TemporaryDirectory() as folder:
        training, promotion = compile_for(ProductLine(name="any"), Target(), Path(folder))
        return count_pods(training).first, count_pods(promotion).first, count_pods(training).unchanged


def _widest_pods() -> int:
    """Tasks of a run that may have a pod at the same time."""
    return max(len(names) for names in _antichains())


def _spread(lines: int) -> int:
    """Runs at a time, of an hour each, in eight hours."""
    return -(-lines // 8)
