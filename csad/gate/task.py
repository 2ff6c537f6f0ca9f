"""The gate component's work: fetch the champion from the store, decide, fail with one message."""

import shutil
import tempfile
from pathlib import Path

from csad.config.line import ProductLine
from csad.gate.decision import GATE_PAGE, GateDecision
from csad.gate.gate import decide
from csad.runner.data_source import resolve_uri
from csad.runner.files import translate_os_errors
from csad.runner.task import failing_clearly
from csad.store.champion import read_champion
from csad.store.objects import ObjectStore
from csad.store.registry import fetch_model
from csad.store.settings import StoreSettings


def run_gate(line_yaml: str, images: str, model: str, evaluation: str, gate: str, report: str) -> GateDecision:
    """Judge a model against the champion that the store names.

    Args:
        line_yaml: The product line, as text.
        images: Address of all images, as `ingest` gave it.
        model: Output of `statistics`.
        evaluation: Output of `evaluation`.
        gate: Folder for gate.json and gate.html.
        report: Where gate.html goes as well.

    Raises:
        SystemExit: It failed for a reason that a user can put right; its message is the exit status.
    """
    with (
        failing_clearly("gate"),
        tempfile.TemporaryDirectory(prefix="csad-champion-") as folder,
        resolve_uri(images) as snapshot,
    ):
        line = ProductLine.from_yaml(line_yaml)
        store = ObjectStore.connect(StoreSettings.from_environment())
        champion = read_champion(store, line.name)
        place = None
        if champion is not None:
            place = Path(folder) / "model"
            fetch_model(store, line.name, champion.version, place)
        version = champion.version if champion else ""
        decision = decide(line, Path(model), Path(evaluation), snapshot, place, Path(gate), version)
        with translate_os_errors(Path(report)):
            Path(report).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(gate) / GATE_PAGE, report)
        return decision
