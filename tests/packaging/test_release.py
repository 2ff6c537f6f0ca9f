"""The task behind evaluation: the gate, and packaging of what it accepts, with one set of images."""

import pytest

from csad.gate.decision import GATE_PAGE, read_decision
from csad.packaging import task as packaging_task
from csad.packaging.release import run_release
from csad.store.objects import ObjectStore
from csad.store.outcome import read_outcome
from csad.store.registry import ModelLabels, list_models, register_model

ORIGIN = "0" * 64


@pytest.fixture
def released(named_store, ingested, tiny_model, evaluated, tmp_path):
    def released(line):
        places = (ingested, tiny_model, evaluated, tmp_path / "gate", tmp_path / "report/gate.html")
        return run_release(line.to_yaml(), 3, ORIGIN, *map(str, places))

    return released


def test_an_accepted_model_is_handed_to_packaging_with_the_gates_own_decision(
    released, tiny_line, tmp_path, monkeypatch, named_store, tiny_model
):
    labels = ModelLabels("tiny", "0" * 64, "abc", "1" * 64, 3, {})
    seen = []

    def register(store, line, commit, seed, artifacts):
        seen.append(artifacts)
        return register_model(store, tiny_model, labels)

    monkeypatch.setattr(packaging_task, "package_and_register", register)
    done = released(tiny_line)

    (version,) = list_models(ObjectStore.connect(named_store), "tiny")
    assert done.version == version.version
    assert done.decision.accepted
    assert [artifacts.gate for artifacts in seen] == [str(tmp_path / "gate")]
    assert (tmp_path / "report/gate.html").read_text() == (tmp_path / "gate" / GATE_PAGE).read_text()


def test_a_refused_model_is_judged_shown_and_not_packed(released, tiny_line, tmp_path, named_store):
    """No model scores an image in a microsecond."""
    gate = tiny_line.gate.model_copy(update={"latency_milliseconds": 0.001})
    done = released(tiny_line.model_copy(update={"gate": gate}))
    store = ObjectStore.connect(named_store)
    decision = read_decision(tmp_path / "gate")
    assert done.decision == decision
    assert done.version == ""
    assert not decision.accepted
    assert list_models(store, "tiny") == []
    assert read_outcome(store, "tiny").reason == decision.reason


def test_a_line_that_cannot_be_read_fails_before_any_image_is_fetched():
    with pytest.raises(SystemExit, match="Error: release: product line"):
        run_release("{name: No Slug}", 3, ORIGIN, "ingested://tiny/nowhere", "m", "e", "g", "r")
