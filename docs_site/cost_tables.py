"""The measured ratios behind `python -m pipelines estimate`, and how well they estimate."""

from docs_site.tables import table
from pipelines.stage_costs import stage_costs

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


def stage_cost_tables() -> str:
    """Both tables, and where they come from."""
    costs = stage_costs()
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
        f"Written by `OMP_NUM_THREADS=1 python -m benchmarks.stage_costs`: {costs.machine}, {costs.date}, commit "
        f"`{costs.commit[:12]}`, {costs.data}, seed {costs.seed}; processor seconds. Mpx are those of the network's "
        f"input, all images together; a task's process takes {costs.start:.0f} s more until its code is loaded."
    )
    return "\n\n".join(
        [
            source,
            table(("stage", "constant", "and"), rows),
            "Each of the runs, estimated by ratios made from the other four:",
            table(("images", "input", "steps", "estimated", "real", "ratio"), checks),
        ]
    )
