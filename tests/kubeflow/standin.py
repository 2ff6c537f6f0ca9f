"""The stand-in server as a backend: real intake, real store, pretended training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from csad.config.line import ProductLine
from csad.gate.intake_task import run_intake
from csad.gate.unchanged import deployed_as
from csad.store.champion import promote, read_champion
from csad.store.objects import ObjectStore
from csad.store.outcome import Outcome, write_deployed, write_outcome
from csad.store.registry import ModelLabels, register_model
from kfp_client.server_runs import RunServer
from kfp_client.submission import submit_promotion
from tests.kubeflow.backend import Backend
from tests.pipelines.compiled import COMMITTED
from tests.services.kfp_execution import Done, Execution, Pod, TaskFailed
from tests.services.kfp_server import KfpServer


class StandIn(Backend):
    """The stand-in; a run is played when somebody waits for its end."""

    def __init__(self, folder: Path, store: ObjectStore, server: KfpServer) -> None:
        super().__init__(folder, store, ())
        self._kfp = server
        bodies = {"ingest": _ingest, "release": self._release, "promote": self._promote, "deployment": self._deployment}
        self.execution = Execution(server, {**bodies, "log-nan": _log_nan})

    def finish(self, run: str) -> str:
        self.execution.play(run)
        return str(self.run(run).state)

    def due(self, line: str) -> str:
        (schedule,) = [key for key, one in self._kfp.recurring.items() if one["display_name"] == f"csad-{line}"]
        run = self.execution.fire(schedule)
        assert run is not None
        return run

    def pods(self, run: str, task: str) -> list[Pod]:
        self.finish(run)
        return [pod for pod in self.execution.pods[run] if pod.task == task]

    def _release(self, given: Mapping[str, Any], artifacts: Mapping[str, Any]) -> Done:
        """A new model is never a hundred times as fast as the one in service; nothing else is judged."""
        line = ProductLine.from_yaml(given["line_yaml"])
        champion = read_champion(self.store, line.name)
        against = champion.version if champion else None
        if champion and line.gate.latency_ratio <= 0.01:
            write_outcome(self.store, line.name, Outcome(given["origin"], against, None, "too slow"))
            return Done({"accepted": "false", "version": "", "reason": "too slow"})
        model = self.folder / f"model-{artifacts['model']}"
        model.mkdir(exist_ok=True)
        (model / "model.json").write_text(artifacts["model"])
        labels = ModelLabels(line.name, "0" * 64, "abc", "1" * 64, given["seed"], {})
        version = register_model(self.store, model, labels).version
        write_outcome(self.store, line.name, Outcome(given["origin"], against, version, "better"))
        return Done({"accepted": "true", "version": version, "reason": "better"})

    def _promote(self, given: Mapping[str, Any], artifacts: Mapping[str, Any]) -> Done:
        if not given["version"]:
            return Done({"endpoint": "", "reason": given["reason"]})
        line = ProductLine.from_yaml(given["line_yaml"])
        package = COMMITTED / "promotion.yaml"
        started = submit_promotion(
            RunServer.connect(), line, given["version"], package, given["service_account"], namespace=given["namespace"]
        )
        if self.finish(started.run) != "SUCCEEDED":
            raise TaskFailed(started.run)
        return Done({"endpoint": f"http://csad-{line.name}.{given['namespace']}.svc", "reason": given["reason"]})

    def _deployment(self, given: Mapping[str, Any], artifacts: Mapping[str, Any]) -> Done:
        line = ProductLine.from_yaml(given["line_yaml"])
        promote(self.store, line.name, given["version"], expected=read_champion(self.store, line.name))
        write_deployed(self.store, line.name, deployed_as(line, given["version"]))
        return Done({"endpoint": f"http://csad-{line.name}.{given['namespace']}.svc"})


def _ingest(given: Mapping[str, Any], artifacts: Mapping[str, Any]) -> Done:
    intake = run_intake(given["line_yaml"], given["data_uri"], given["seed"], given["force"])
    told = {"images": intake.images, "training_images": intake.training_images, "origin": intake.origin}
    return Done({"changed": "true" if intake.changed else "false", "said": intake.said, **told, **intake.lines})


def _log_nan(given: Mapping[str, Any], artifacts: Mapping[str, Any]) -> Done:
    return Done(metrics={"loss": float("nan")})
