"""The gate's task against a real store."""

import pytest

from csad.gate.decision import read_decision
from csad.gate.task import run_gate
from csad.store.champion import promote, read_champion
from csad.store.objects import ObjectStore
from csad.store.registry import ModelLabels, register_model

LABELS = ModelLabels("tiny", "0" * 64, "abc", "1" * 64, 3, {})


class Metrics(dict):
    def log_metric(self, name, value):
        self[name] = value


@pytest.fixture
def inputs(tiny_line, ingested, tiny_model, evaluated, tmp_path):
    patient = tiny_line.model_copy(update={"gate": tiny_line.gate.model_copy(update={"latency_ratio": 100.0})})
    places = [ingested, tiny_model, evaluated, tmp_path / "gate", tmp_path / "report" / "gate.html"]
    return [patient.to_yaml(), *map(str, places)]


def test_the_champion_comes_from_the_store(named_store, inputs, tiny_model, blind_model, tmp_path):
    decision = run_gate(*inputs)
    assert decision.accepted
    assert decision.champion is None

    store = ObjectStore.connect(named_store)
    version = register_model(store, blind_model, LABELS).version
    before = promote(store, "tiny", version, expected=None)
    decision = run_gate(*inputs)
    assert decision.accepted
    assert decision.champion.version == version
    assert read_decision(tmp_path / "gate") == decision
    assert (tmp_path / "report" / "gate.html").read_text() == (tmp_path / "gate" / "gate.html").read_text()
    assert read_champion(store, "tiny") == before, "the gate does not move the pointer"

    metrics = Metrics()
    decision.log_to(metrics)
    assert metrics["1_accepted"] == 1
    assert metrics["2_floor_logical_anomalies"] > 0.7
    assert metrics["2_regression_logical_anomalies_champion"] == 0.5


def test_without_a_store_the_task_ends_with_one_message(inputs, monkeypatch):
    monkeypatch.delenv("CSAD_STORE_ENDPOINT", raising=False)
    with pytest.raises(SystemExit, match="Error: gate: no store is set up: CSAD_STORE_ENDPOINT is not set"):
        run_gate(*inputs)


def test_a_wrong_line_ends_with_one_message(inputs):
    with pytest.raises(SystemExit, match=r"Error: gate: product line, line 2: gate\.floor: unknown key"):
        run_gate("name: tiny\ngate: {floor: 1}\n", *inputs[1:])
