"""Brings the server's recurring runs in line with the schedules of the product lines.

KFP cannot edit a recurring run: what changed is created anew and the old one removed, in this order, so that a line is
never without its schedule. Only recurring runs that csad made are looked at; their description says so.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kfp_server_api import V2beta1RecurringRun

from csad.common.errors import LineError
from csad.config.line import ProductLine
from kfp_client.names import TRAINING
from kfp_client.parameters import training_parameters
from kfp_client.server import Server, version_name
from pipelines.packages import Packages

OWNER = "Made by csad"
MARK = f"{OWNER} from the line's file; change that and run: python -m pipelines schedules apply"
PREFIX = "csad-"

Action = Literal["create", "replace", "enable", "disable", "remove", "keep"]
SYMBOLS: dict[Action, str] = {
    "create": "+", "replace": "~", "enable": "~", "disable": "~", "remove": "-", "keep": "="
}  # fmt: skip


@dataclass(frozen=True)
class Schedule:
    """What a recurring run is made of.

    Attributes:
        cron: Six fields.
        version: Name of the pipeline version.
        experiment: Name of the experiment.
        service_account: Service account of its runs.
        parameters: Parameters of its runs.
        no_catchup: A server that was down starts one run, not all that it missed.
        max_concurrency: Runs of the line at a time.
    """

    cron: str
    version: str
    experiment: str
    service_account: str
    parameters: dict[str, Any]
    no_catchup: bool = True
    max_concurrency: int = 1

    def differences(self, other: "Schedule") -> list[str]:
        """Say what `other` changes, one line each."""
        mine, others = self._flat(), other._flat()
        return [
            f"{name}: {_short(mine.get(name))} -> {_short(others.get(name))}"
            for name in dict.fromkeys([*mine, *others])
            if mine.get(name) != others.get(name)
        ]

    def _flat(self) -> dict[str, Any]:
        values = {name: value for name, value in vars(self).items() if name != "parameters"}
        parameters = {f"parameters.{name}": value for name, value in self.parameters.items()}
        return values | parameters


@dataclass(frozen=True)
class Change:
    """What is to be done about one line's schedule.

    Attributes:
        line: Its name.
        action: What to do.
        reasons: Why; what differs.
        existing: Id of the recurring run that it concerns, if there is one.
        wanted: What to create, if anything.
        package: Compiled pipeline of what is to be created.
        enabled: Whether the new one starts runs at once.
    """

    line: str
    action: Action
    reasons: tuple[str, ...] = ()
    existing: str | None = None
    wanted: Schedule | None = None
    package: Path | None = None
    enabled: bool = True

    def to_text(self) -> str:
        """Write for people."""
        head = f"{SYMBOLS[self.action]} {self.line}: {'unchanged' if self.action == 'keep' else self.action}"
        return "\n".join([head, *(f"    {reason}" for reason in self.reasons)])

    def to_json(self) -> dict[str, Any]:
        """Write for scripts."""
        return {"line": self.line, "action": self.action, "reasons": list(self.reasons), "existing": self.existing}


@dataclass(frozen=True)
class Plan:
    """All changes.

    Attributes:
        changes: One per schedule, sorted by line.
    """

    changes: tuple[Change, ...] = field(default=())

    @property
    def pending(self) -> list[Change]:
        """What is not as it should be."""
        return [change for change in self.changes if change.action != "keep"]

    def to_json(self) -> dict[str, Any]:
        """Write for scripts."""
        return {"changes": [change.to_json() for change in self.changes]}

    def to_text(self) -> str:
        """Write for people."""
        counts = Counter(change.action for change in self.changes)
        summary = ", ".join(
            f"{counts[action]} to {action}" for action in SYMBOLS if counts[action] and action != "keep"
        )
        lines = [change.to_text() for change in self.changes]
        return "\n".join([*lines, f"{summary or 'nothing to do'}; {counts['keep']} unchanged"])


def read_lines(folder: Path) -> list[ProductLine]:
    """Read all product lines of a folder.

    Raises:
        LineError: A file is no product line, two have one name, or there is none; all of them in one message.
    """
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise LineError(
            f"{folder} holds no *.yaml; write a product line with `csad line new NAME --output {folder}/NAME.yaml`"
        )
    lines, complaints = [], []
    for file in files:
        try:
            lines.append(ProductLine.from_file(file))
        except LineError as error:
            complaints.append(str(error))
    repeated = [name for name, count in Counter(line.name for line in lines).items() if count > 1]
    complaints += [f"{folder} has {name} in more than one file; give each line a name of its own" for name in repeated]
    if complaints:
        raise LineError("\n".join(complaints))
    return lines


def make_plan(
    server: Server,
    lines: Sequence[ProductLine],
    packages: Packages,
    service_account: str,
    namespace: str | None = None,
) -> Plan:
    """Compare the lines with the server; nothing is changed.

    Args:
        server: Where the recurring runs are.
        lines: All product lines: what csad scheduled for others is disabled.
        packages: Compiled training pipelines of the lines.
        service_account: Service account of the runs.
        namespace: Where accepted models are served; the user's own where the server has several, else what the
            pipelines were compiled with.

    Raises:
        LineError: A line names accelerators and its pipeline is compiled without GPUs.
        PipelineServerError: The server refuses, or a package is no pipeline.
    """
    serving = server.serving_namespace(namespace)
    pipeline = server.find(TRAINING)
    versions = server.versions(pipeline) if pipeline else {}
    existing: dict[str, list[V2beta1RecurringRun]] = {}
    for run in server.recurring_runs():
        if (run.description or "").startswith(OWNER) and run.display_name.startswith(PREFIX):
            existing.setdefault(run.display_name.removeprefix(PREFIX), []).append(run)
    known = {line.name: line for line in lines}
    changes: list[Change] = []
    for name in sorted({*known, *existing}):
        line, runs = known.get(name), existing.get(name, [])
        if line is None or line.schedule.cron is None:
            changes += _retire(name, runs, "its file is gone" if line is None else "its file has no cron any more")
        else:
            package = packages.of(line)
            wanted = Schedule(
                line.schedule.cron,
                version_name(package),
                line.name,
                service_account,
                training_parameters(packages.target.line(line), namespace=serving),
            )
            changes += _adjust(line, wanted, package, [(run, _found(server, run, versions)) for run in runs])
    return Plan(tuple(changes))


def apply_plan(server: Server, plan: Plan, packages: Packages) -> None:
    """Do what a plan says; the same again after an interruption brings it to an end.

    Args:
        server: Where the recurring runs are.
        plan: What to do.
        packages: Those that the plan was made with: what it needs is uploaded, the promotion pipeline with it.

    Raises:
        PipelineServerError: The server refuses.
    """
    if any(change.wanted is not None for change in plan.pending):
        server.upload(packages.promotion())
    for change in plan.pending:
        if change.wanted is not None and change.package is not None:
            version = server.upload(change.package)
            server.create_recurring_run(
                experiment_id=server.experiment(change.wanted.experiment),
                job_name=f"{PREFIX}{change.line}",
                description=MARK,
                cron_expression=change.wanted.cron,
                max_concurrency=change.wanted.max_concurrency,
                no_catchup=change.wanted.no_catchup,
                params=change.wanted.parameters,
                pipeline_id=version.pipeline,
                version_id=version.version,
                enabled=change.enabled,
                service_account=change.wanted.service_account,
            )
        if change.existing is not None:
            if change.action in ("replace", "remove"):
                server.delete_recurring_run(change.existing)
            else:
                server.set_recurring_run(change.existing, change.action == "enable")


def _retire(name: str, runs: Sequence[V2beta1RecurringRun], reason: str) -> list[Change]:
    return [
        Change(name, "disable", (reason,), run.recurring_run_id)
        if is_enabled(run)
        else Change(name, "keep", (f"disabled: {reason}",), run.recurring_run_id)
        for run in runs
    ]


def _adjust(
    line: ProductLine, wanted: Schedule, package: Path, found: Sequence[tuple[V2beta1RecurringRun, Schedule]]
) -> list[Change]:
    """One recurring run stays or takes the others' place."""
    enabled = line.schedule.enabled
    if not found:
        what = (f"{wanted.cron}, {wanted.parameters['data_uri']}, {wanted.version}",)
        return [Change(line.name, "create", what, wanted=wanted, package=package, enabled=enabled)]
    ordered = sorted(found, key=lambda pair: len(pair[1].differences(wanted)))
    (first, as_it_is), *others = ordered
    differences = as_it_is.differences(wanted)
    identity = first.recurring_run_id
    if differences:
        change = Change(line.name, "replace", tuple(differences), identity, wanted, package, enabled)
    elif is_enabled(first) != enabled:
        action: Action = "enable" if enabled else "disable"
        change = Change(line.name, action, (f"schedule.enabled is {str(enabled).lower()}",), identity)
    else:
        change = Change(line.name, "keep", existing=identity)
    removed = [Change(line.name, "remove", ("scheduled more than once",), run.recurring_run_id) for run, _ in others]
    return [change, *removed]


def _found(server: Server, run: V2beta1RecurringRun, versions: dict[str, str]) -> Schedule:
    """Read a recurring run of the server."""
    reference = run.pipeline_version_reference
    cron = run.trigger.cron_schedule.cron if run.trigger and run.trigger.cron_schedule else "none"
    version = reference.pipeline_version_id if reference else "none"
    return Schedule(
        cron=cron,
        version=versions.get(version, version),
        experiment=server.experiment_name(run.experiment_id),
        service_account=run.service_account or "",
        parameters=(run.runtime_config.parameters if run.runtime_config else None) or {},
        no_catchup=bool(run.no_catchup),
        max_concurrency=int(run.max_concurrency or 0),
    )


def is_enabled(run: V2beta1RecurringRun) -> bool:
    """Whether a recurring run starts runs."""
    return run.status == "ENABLED" if run.status else run.mode == "ENABLE"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
