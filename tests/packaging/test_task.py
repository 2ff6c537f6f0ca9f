"""The packaging task against a real store: a version appears whole, or not at all."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from csad.common.errors import DeploymentError, StoreError
from csad.common.hashing import file_sha256
from csad.gate.decision import GateDecision, read_decision
from csad.gate.gate import decide
from csad.gate.registered import judged_version
from csad.packaging import task as packaging_task
from csad.packaging.fetch import WantedBento, fetch
from csad.packaging.packaging import Package
from csad.packaging.provenance import Provenance, read_scores
from csad.packaging.task import Artifacts, package_and_register, run_packaging
from csad.scoring.model_folder import read_manifest
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.outcome import read_outcome
from csad.store.registry import fetch_file, list_models, register_model

SCRIPT = Path(__file__).with_name("killed_packaging.py")
SECONDS = 120
OTHER = "20261124T101500Z-0123abcd"


@pytest.fixture(scope="session")
def artifacts(tiny_line, ingested, tiny_model, evaluated, tmp_path_factory) -> Artifacts:
    folder = tmp_path_factory.mktemp("accepted")
    decide(tiny_line, tiny_model, evaluated, ingested, None, folder)
    return Artifacts(str(ingested), str(tiny_model), str(evaluated), str(folder))


ORIGIN = "0" * 64


@pytest.fixture
def store(named_store) -> ObjectStore:
    return ObjectStore.connect(named_store)


def test_a_version_is_registered_once_and_can_be_fetched(
    store, tiny_line, tiny_model, artifacts, tmp_path, monkeypatch
):
    monkeypatch.setenv("CSAD_GIT_COMMIT", "abc")
    named = run_packaging(tiny_line.to_yaml(), 3, ORIGIN, artifacts)
    (version,) = list_models(store, "tiny")
    assert version.version == named
    outcome = read_outcome(store, "tiny")
    assert (outcome.origin, outcome.against, outcome.version) == (ORIGIN, None, named)
    assert {"bento.tar.gz", "smoke.json", "provenance.json", "gate.json", "gate.html", "evaluation.json"} <= set(
        version.files
    )
    assert (version.labels.git_commit, version.labels.seed) == ("abc", 3)
    assert version.labels.scores["logical"] > 70

    wanted = WantedBento("tiny", version.version, version.files["bento.tar.gz"].sha256)
    bento = fetch(store, wanted, tmp_path / "pod")
    assert read_manifest(bento / "src" / "model") == read_manifest(tiny_model)
    fetch_file(store, "tiny", version.version, "smoke.json", tmp_path / "smoke.json")
    assert len(json.loads((tmp_path / "smoke.json").read_text())["images"]) == 4


@pytest.fixture
def packagings(monkeypatch) -> list[Provenance]:
    """Packages at once, without BentoML; what was packaged."""
    done = []

    def package(model, output, provenance, test) -> Package:
        done.append(provenance)
        bento, smoke, written = (output / name for name in ("bento.tar.gz", "smoke.json", "provenance.json"))
        bento.write_bytes(b"bento")
        smoke.write_text(test.model_dump_json())
        written.write_text(provenance.to_json())
        return Package(bento, file_sha256(bento), smoke, written)

    monkeypatch.setattr(packaging_task, "package", package)
    return done


def judged_again(artifacts: Artifacts, gate: Path) -> Artifacts:
    """The same model, whose images took the gate a little longer today."""
    path = gate / "gate.json"
    decision = GateDecision.model_validate_json(path.read_text())
    slower = decision.challenger.model_copy(update={"milliseconds": decision.challenger.milliseconds + 1})
    path.write_text(decision.model_copy(update={"challenger": slower}).model_dump_json())
    return replace(artifacts, gate=str(gate))


def test_a_model_that_is_registered_keeps_its_version(store, tiny_line, artifacts, copied, packagings, capfd):
    first = run_packaging(tiny_line.to_yaml(), 3, ORIGIN, artifacts)
    assert capfd.readouterr().out.splitlines()[-1].startswith(f"packaging: version {first}, a Bento of 5 B")
    again = run_packaging(
        tiny_line.to_yaml(), 3, ORIGIN, judged_again(artifacts, copied(Path(artifacts.gate), "judged again"))
    )
    assert again == first
    assert capfd.readouterr().out == f"packaging: registered already as {first}, nothing to build\n"
    assert len(packagings) == 1
    assert [model.version for model in list_models(store, "tiny")] == [first]


def test_a_registered_model_that_was_judged_against_another_champion_since_is_a_version_of_its_own(
    store, tiny_line, artifacts, copied, packagings
):
    gate = copied(Path(artifacts.gate), "judged against another")
    decision = read_decision(gate)
    champion = decision.challenger.model_copy(update={"version": OTHER})
    (gate / "gate.json").write_text(decision.model_copy(update={"champion": champion}).model_dump_json())
    against_other = replace(artifacts, gate=str(gate))
    first = package_and_register(store, tiny_line, "abc", 3, artifacts)
    second = package_and_register(store, tiny_line, "abc", 3, against_other)
    assert first.version != second.version
    assert [judged_version(store, one).against for one in (first, second)] == [None, OTHER]
    assert package_and_register(store, tiny_line, "abc", 3, against_other) == second
    assert len(packagings) == 2


def test_a_champion_that_is_judged_against_itself_keeps_its_version(store, tiny_line, artifacts, copied, packagings):
    first = package_and_register(store, tiny_line, "abc", 3, artifacts)
    gate = copied(Path(artifacts.gate), "judged against itself")
    decision = read_decision(gate)
    itself = decision.challenger.model_copy(update={"version": first.version})
    (gate / "gate.json").write_text(decision.model_copy(update={"champion": itself}).model_dump_json())
    assert package_and_register(store, tiny_line, "abc", 3, replace(artifacts, gate=str(gate))) == first
    assert len(packagings) == 1


def test_other_code_packages_a_registered_model_anew(store, tiny_line, artifacts, packagings):
    first, other, again = (
        package_and_register(store, tiny_line, commit, 3, artifacts).version for commit in ("abc", "def", "abc")
    )
    assert first == again != other
    assert [provenance.git_commit for provenance in packagings] == ["abc", "def"]


def test_a_registered_model_without_a_bento_is_packaged(store, tiny_line, tiny_model, artifacts, packagings, tmp_path):
    provenance = Provenance.of(read_manifest(tiny_model), "abc", read_scores(Path(artifacts.evaluation)))
    (tmp_path / "provenance.json").write_text(provenance.to_json())
    files = {"provenance.json": tmp_path / "provenance.json"}
    bare = register_model(store, tiny_model, provenance.registry_labels(), files)
    assert package_and_register(store, tiny_line, "abc", 3, artifacts).version != bare.version
    assert len(packagings) == 1


def test_a_registered_model_that_the_gate_refuses_now_is_not_handed_on(store, tiny_line, artifacts, copied, packagings):
    package_and_register(store, tiny_line, "abc", 3, artifacts)
    with pytest.raises(DeploymentError, match="the gate refused this model: too blind"):
        package_and_register(store, tiny_line, "abc", 3, refused(artifacts, copied))


def refused(artifacts: Artifacts, copied) -> Artifacts:
    """The same model, which the gate has refused."""
    gate = copied(Path(artifacts.gate), "refused")
    content = json.loads((gate / "gate.json").read_text())
    (gate / "gate.json").write_text(json.dumps(content | {"accepted": False, "reason": "too blind"}))
    return replace(artifacts, gate=str(gate))


@pytest.mark.slow
def test_a_store_that_stops_leaves_no_version_and_the_next_run_makes_it(tiny_line, artifacts, tmp_path, monkeypatch):
    """The server goes down after the Bento is built, before it is registered."""
    with EmbeddedStore(tmp_path / "s3") as server:
        stop_and_go_on(server, tiny_line, artifacts, monkeypatch)


def stop_and_go_on(server, tiny_line, artifacts, monkeypatch):
    store = ObjectStore.connect(server.settings)
    package = packaging_task.package

    def package_then_stop(*arguments):
        done = package(*arguments)
        server.kill()
        return done

    monkeypatch.setattr(packaging_task, "package", package_then_stop)
    with pytest.raises(StoreError):
        package_and_register(store, tiny_line, "abc", 3, artifacts)
    monkeypatch.undo()
    server.start()
    assert list_models(store, "tiny") == []
    version = package_and_register(store, tiny_line, "abc", 3, artifacts)
    assert [model.version for model in list_models(store, "tiny")] == [version.version]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["building the Bento", "serving the Bento", "images score as at evaluation"])
def test_killed_halfway_it_leaves_no_version_and_no_service(store, tiny_line, artifacts, tmp_path, moment):
    (tmp_path / "line.yaml").write_text(tiny_line.to_yaml())
    command = [sys.executable, str(SCRIPT), str(tmp_path / "line.yaml"), artifacts.images, artifacts.model]
    work = tmp_path / "work"
    work.mkdir()
    environment = os.environ | store.settings.to_environment() | {"TMPDIR": str(work), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command, artifacts.evaluation, artifacts.gate], stdout=subprocess.PIPE, text=True, env=environment
    )
    for line in process.stdout:
        if moment in line:
            break
    time.sleep(1.0 if moment == "serving the Bento" else 0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert list_models(store, "tiny") == []
    deadline = time.monotonic() + SECONDS
    while left := processes_naming(work):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def processes_naming(folder: Path) -> list[list[str]]:
    """Command lines of the running processes that mention a folder."""
    found = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [command for command in found if any(str(folder) in part for part in command)]


def test_a_refused_model_is_not_registered(store, tiny_line, artifacts, copied):
    with pytest.raises(DeploymentError, match="the gate refused this model: too blind; it is not registered"):
        package_and_register(store, tiny_line, "abc", 3, refused(artifacts, copied))
    assert list_models(store, "tiny") == []


def test_a_decision_about_another_model_does_not_count(store, tiny_line, artifacts, blind_model):
    other = Artifacts(artifacts.images, str(blind_model), artifacts.evaluation, artifacts.gate)
    with pytest.raises(DeploymentError, match="about another model than this one"):
        package_and_register(store, tiny_line, "abc", 3, other)


def test_a_damaged_model_ends_with_one_message(store, tiny_line, artifacts, copied):
    model = copied(Path(artifacts.model), "model")
    (model / "model.json").write_text("{}")
    damaged = Artifacts(artifacts.images, str(model), artifacts.evaluation, artifacts.gate)
    with pytest.raises(SystemExit, match=r"Error: packaging: .*model\.json is damaged or of another version"):
        run_packaging(tiny_line.to_yaml(), 3, ORIGIN, damaged)
    assert list_models(store, "tiny") == []


def test_without_a_store_nothing_is_built(tiny_line, artifacts, monkeypatch):
    monkeypatch.delenv("CSAD_STORE_ENDPOINT", raising=False)
    with pytest.raises(SystemExit, match="Error: packaging: no store is set up"):
        run_packaging(tiny_line.to_yaml(), 3, ORIGIN, artifacts)
