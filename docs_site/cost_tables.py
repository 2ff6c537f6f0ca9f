"""The measured ratios behind `python -m pipelines estimate`, and how well they estimate."""

from docs_site.tables import table
from pipelines.stage_costs import StageCosts, gpu_stage_costs, stage_costs

PER = {
    "ingest": ("image",),
    "tagging": (),
    "masks": ("good image", "good Mpx"),
    "clustering": ("good image", "good Mpx"),
    "segnet": ("Mpx trained on",),
    "lgst": ("good Mpx", "good Mpx and 1,000 patches of a bank"),
    "statistics": ("good Mpx", "good Mpx and 1,000 patches of a bank"),
    "evaluation": ("evaluated Mpx", "evaluated Mpx and 1,000 patches of a bank"),
}
"""What the factors of each stage are per, in the order of `Workload.quantities`."""


MEASURED = {
    "cpu": ("On one CPU core", "OMP_NUM_THREADS=1 python -m benchmarks.stage_costs", "processor seconds"),
    "cuda": (
        "On a GPU node",
        "OMP_NUM_THREADS=2 taskset -c 0-3 python -m benchmarks.stage_costs --device cuda",
        "wall seconds of a stage that has GPU and cores for itself",
    ),
}
"""By device: where that is, the command, and what its seconds are."""


def stage_cost_tables() -> str:
    """The tables of a CPU core and, where they were measured, of a GPU node; and where they come from."""
    found = (stage_costs(), gpu_stage_costs())
    return "\n\n".join(_tables(costs) for costs in found if costs)


def _tables(costs: StageCosts) -> str:
    where, command, seconds = MEASURED[costs.device]
    lacks = f" Without {', '.join(costs.without)}: `statistics` takes longer with it." if costs.without else ""
    rows = [
        (
            stage,
            f"{ratios.constant:.1f} s",
            " + ".join(f"{factor:.3g} s per {per}" for factor, per in zip(ratios.factors, PER[stage], strict=True)),
        )
        for stage, ratios in costs.seconds.items()
    ]
    checks = [
        (
            str(run.images),
            f"{run.megapixels:g} Mpx",
            str(run.steps),
            f"{run.estimated:.0f} s",
            f"{run.real:.0f} s",
            f"{run.estimated / run.real:.2f}",
        )
        for run in costs.checks
    ]
    source = (
        f"{where}, written by `{command}`: {costs.machine}, {costs.date}, commit `{costs.commit[:12]}`, {costs.data}, "
        f"seed {costs.seed}; {seconds}. Mpx are those of the network's input, all images together; a task's process "
        f"takes {costs.start:.0f} s more until its code is loaded.{lacks}"
    )
    return "\n\n".join(
        [
            source,
            table(("stage", "constant", "and"), rows),
            "Each of the runs, estimated by ratios made from the other four:",
            table(("images", "input", "steps", "estimated", "real", "ratio"), checks),
        ]
    )
