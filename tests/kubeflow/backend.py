"""What the cases ask of a Kubeflow; `standin` and `real` answer it."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from csad.config.line import ProductLine
from csad.store.champion import read_champion
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from kfp_client.server_runs import RunServer
from pipelines.__main__ import main
from pipelines.run_stages import read_stages
from tests.services.kfp_execution import Pod


class Backend(ABC):
    """A Kubeflow, the store that its runs use, and the folder of the lines.

    Args:
        folder: Where lines are written.
        store: The store.
        options: What `submit` and `schedules` are given beside a case's own options.
    """

    def __init__(self, folder: Path, store: ObjectStore, options: tuple[str, ...]) -> None:
        self.folder, self.store, self.options = folder, store, options

    @abstractmethod
    def finish(self, run: str) -> str:
        """Let a run come to its end, and return its state."""

    @abstractmethod
    def due(self, line: str) -> str:
        """Let the line's schedule fall due, and return the run that it started."""

    @abstractmethod
    def pods(self, run: str, task: str) -> list[Pod]:
        """What the pods of a task asked for, as soon as there are some; the run may be under way still."""

    @property
    def server(self) -> RunServer:
        """The pipeline server, as our commands reach it."""
        return RunServer.connect()

    def push(self, line: str, data: Path) -> None:
        """Store a version of a line's images."""
        push_dataset(self.store, data, line)

    def write(self, line: ProductLine) -> Path:
        """Write a line's file into a folder of its own."""
        file = self.folder / line.name / f"{line.name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(line.to_yaml())
        return file

    def command(self, *arguments: object, code: int = 0) -> str:
        """Run `python -m pipelines`; what it printed."""
        done = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert done.exit_code == code, done.output
        return done.output

    def submit(self, file: Path, *more: object) -> str:
        """Start a run of a line, and return its id."""
        return str(json.loads(self.command("submit", file, *self.options, *more, "--json"))["run"])

    def stages(self, run: str) -> dict[str, list[str]]:
        """How each task came to its results: "run", "cached", "skipped"; several words where there are several."""
        found: dict[str, list[str]] = {}
        for stage in read_stages(self.server.get_run(run)):
            found.setdefault(stage.name, []).append(stage.how)
        return found

    def in_service(self, line: str) -> str | None:
        """The version in service."""
        champion = read_champion(self.store, line)
        return champion.version if champion else None

    def run(self, identity: str) -> Any:
        """A run as the API shows it."""
        return self.server.get_run(identity)
