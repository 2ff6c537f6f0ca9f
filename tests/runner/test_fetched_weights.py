"""Tasks without a weights folder: what their stage reads comes from the store, and no more than that."""

import logging
import os
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from csad.common.errors import StoreError, WeightsError
from csad.config.line import ProductLine
from csad.gate.intake_task import run_intake
from csad.runner.fetched_weights import CACHE_VARIABLE, weights_at_hand
from csad.runner.needed_weights import needed_weights, warn_of_idle_pins
from csad.runner.reduced_line import reduced_line
from csad.runner.stage import StageRecord
from csad.runner.stage_order import NAMES
from csad.runner.stage_runner import StageRunner
from csad.runner.task import STORE_VARIABLE, run_task
from csad.stages import lgst
from csad.stages.order import STAGES
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from csad.weights.catalogue import file_of
from csad.weights.checkpoints import file_digest
from tests.weights.mirrored import Line, mirror_file

BACKBONE = "test_efficientnet.r160_in1k"
RUNS = 10


@pytest.fixture(autouse=True)
def in_a_pod(named_store, tmp_path, monkeypatch):
    """A store, a volume for weights, no weights folder and no folder of finished stages."""
    for name in (STORE_VARIABLE, "CSAD_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "volume"))
    logger = logging.getLogger("csad")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


@pytest.fixture
def store(named_store):
    return ObjectStore.connect(named_store)


@pytest.fixture
def fetched(monkeypatch):
    """Bytes of weights that came from the store, transfer by transfer."""
    counts = []
    complete = ObjectStore.complete_file

    def counting(store, key, path):
        before = path.stat().st_size
        complete(store, key, path)
        counts.append(path.stat().st_size - before)

    monkeypatch.setattr(ObjectStore, "complete_file", counting)
    return counts


def mirror_backbone(store, folder, seed=0):
    """A backbone of random weights in the mirror; its digest."""
    torch.manual_seed(seed)
    save_file(timm.create_model(BACKBONE, pretrained=False).state_dict(), folder / "backbone.safetensors")
    return mirror_file(store, BACKBONE, folder / "backbone.safetensors")


def with_backbone(line, **sections):
    return ProductLine.model_validate(
        line.model_dump(exclude_defaults=True)
        | {"backbone": {"name": BACKBONE, "weights": f"weights://{BACKBONE}"}}
        | sections
    )


def foundation(**more):
    return ProductLine.model_validate({"name": "kit", "pseudo_labels": {"proposals": "foundation"}, **more})


def test_a_stage_trains_on_weights_of_the_store_and_a_second_line_fetches_nothing(
    store, tiny_line, tiny_line_data, fetched, tmp_path
):
    digest = mirror_backbone(store, tmp_path)
    line = with_backbone(tiny_line)

    for name in ("tiny", "other"):
        push_dataset(store, tiny_line_data, name)
        named = line.model_copy(update={"name": name})
        intake = run_intake(named.to_yaml(), f"store://{name}", 3, force=False)
        assert f"pinned_weights: {{{BACKBONE}: {digest}}}" in intake.lines["lgst"]
        output = tmp_path / name
        run_task(lgst.STAGE, intake.lines["lgst"], 3, str(output), images=intake.training_images)
        assert StageRecord.find(output).summary["images"] == 10

    assert fetched == [(tmp_path / "backbone.safetensors").stat().st_size]
    assert "CSAD_WEIGHTS" not in os.environ


def test_ten_runs_of_a_line_fetch_its_weights_once(store, named_store, fetched, tmp_path, monkeypatch):
    line = foundation(backbone={"name": BACKBONE, "weights": f"weights://{BACKBONE}"})
    names = {name for stage in NAMES for name in needed_weights(stage, line)}
    size = 0
    for number, name in enumerate(sorted(names)):
        file = tmp_path / "file"
        file.write_bytes(bytes([number]) * 300_000)
        mirror_file(store, name, file)
        size += 300_000
    assert len(names) == 7  # RAM++, SAM-HQ, Grounding DINO, three files of BERT, the backbone
    counted = Line.to(named_store)
    monkeypatch.setenv("CSAD_STORE_ENDPOINT", f"http://{counted.settings(named_store).endpoint}")

    for _ in range(RUNS):
        for stage in NAMES:
            with weights_at_hand(stage, line):
                for name in needed_weights(stage, line):
                    assert (Path(os.environ["CSAD_WEIGHTS"]) / file_of(name)).stat().st_size == 300_000

    assert sum(fetched) / size == 1.0
    assert counted.sent < 1.2 * size, "with the heads of all answers"


def test_a_pod_sees_the_files_under_the_names_that_the_networks_look_for(store, tmp_path):
    for name in ("sam_hq_vit_tiny", "groundingdino_swint_ogc", "bert_config", "bert_vocabulary", "bert_model"):
        (tmp_path / "file").write_text(name)
        mirror_file(store, name, tmp_path / "file")
    line = foundation(pseudo_labels={"proposals": "foundation", "foundation": {"sam": "vit_tiny"}})

    with weights_at_hand("masks", line):
        folder = Path(os.environ["CSAD_WEIGHTS"])
        found = {
            file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_symlink()
        }

    assert found == {
        "sam_hq_vit_tiny.safetensors": "sam_hq_vit_tiny",
        "groundingdino_swint_ogc.safetensors": "groundingdino_swint_ogc",
        "bert-base-uncased/config.json": "bert_config",
        "bert-base-uncased/vocab.txt": "bert_vocabulary",
        "bert-base-uncased/model.safetensors": "bert_model",
    }
    assert not folder.exists()


def test_a_stage_that_reads_no_weights_does_not_even_ask_the_store(monkeypatch):
    monkeypatch.delenv("CSAD_STORE_ENDPOINT")
    for stage in NAMES:
        with weights_at_hand(stage, ProductLine(name="kit")):
            assert "CSAD_WEIGHTS" not in os.environ
    with pytest.raises(StoreError, match="no store is set up"), weights_at_hand("masks", foundation()):
        pass


def test_a_folder_that_the_pod_mounts_is_used_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("CSAD_WEIGHTS", str(tmp_path))
    with weights_at_hand("masks", foundation()):
        assert os.environ["CSAD_WEIGHTS"] == str(tmp_path)


def test_what_a_pinned_file_turned_into_is_refused_with_both_digests(store, tiny_line, fetched, tmp_path):
    digest = mirror_backbone(store, tmp_path)
    store.put_bytes(f"weights/{BACKBONE}/{digest}", b"something else")
    line = with_backbone(tiny_line, pinned_weights={BACKBONE: digest})

    with pytest.raises(SystemExit, match=f"Error: lgst: weights {BACKBONE} changed in the store: .* expected {digest}"):
        run_task(lgst.STAGE, line.to_yaml(), 3, str(tmp_path / "output"), images=str(tmp_path))


def test_new_weights_give_another_text_where_they_are_read_and_nowhere_else():
    old, new = (foundation(pinned_weights={"sam_hq_vit_h": digit * 64}) for digit in "12")
    changed = {
        name for name, stage in STAGES.items() if reduced_line(old, stage) != reduced_line(new, stage)
    }  # fmt: skip
    assert changed == {"masks"}
    assert reduced_line(old, STAGES["lgst"]) == reduced_line(foundation(), STAGES["lgst"])


def test_other_weights_in_the_store_give_another_run_and_a_pin_keeps_the_old_one(
    store, tiny_line, tiny_line_data, tmp_path
):
    push_dataset(store, tiny_line_data, "tiny")
    line = with_backbone(tiny_line)

    def take_in(of_line):
        return run_intake(of_line.to_yaml(), "store://tiny", 3, force=False)

    old = mirror_backbone(store, tmp_path, seed=1)
    first = take_in(line)
    assert take_in(line) == first
    mirror_backbone(store, tmp_path, seed=2)
    second = take_in(line)
    pinned = take_in(with_backbone(tiny_line, pinned_weights={BACKBONE: old}))

    assert second.origin != first.origin
    changed = {task for task, text in second.lines.items() if text != first.lines[task]}
    assert changed == {"clustering", "segnet", "lgst", "statistics"}
    assert (pinned.origin, pinned.lines) == (first.origin, first.lines)


def test_ingest_names_every_file_that_the_store_lacks_and_the_commands_that_put_them_there(tiny_line):
    line = with_backbone(tiny_line, pseudo_labels={"proposals": "foundation", "mode": "fine"}, tags={"prompts": ()})

    with pytest.raises(SystemExit) as failure:
        run_intake(line.to_yaml(), "store://tiny", 3, force=False)

    message = str(failure.value)
    assert message.startswith(f"Error: ingest: the store has no weights sam_hq_vit_h, {BACKBONE}; put them there with ")
    assert "`csad weights sync sam_hq_vit_h`" in message
    assert f"`csad weights push {BACKBONE} FILE`" in message


def test_ingest_says_which_pins_are_idle_and_which_weights_its_cache_cannot_see(
    store, tiny_line, tiny_line_data, capfd
):
    push_dataset(store, tiny_line_data, "tiny")
    line = ProductLine.model_validate(
        tiny_line.model_dump(exclude_defaults=True)
        | {"pinned_weights": {"sam_hq_vit_hh": "0" * 64}, "backbone": {"name": BACKBONE, "weights": "/models/a.pth"}}
    )

    run_intake(line.to_yaml(), "store://tiny", 3, force=False)

    said = capfd.readouterr().out
    assert "pinned_weights: 1 name that this line does not read: sam_hq_vit_hh" in said
    assert "1 setting names weights by a path (backbone.weights: /models/a.pth): pods must mount it" in said


def test_a_pin_that_is_no_digest_is_refused_where_the_line_is_read():
    with pytest.raises(Exception, match=r"pinned_weights: found 'abc', expected a SHA-256 of 64 digits"):
        ProductLine.from_yaml("{name: kit, pinned_weights: {sam_hq_vit_h: abc}}")
    with pytest.raises(Exception, match=r"backbone.weights: found 'weights://\.\./x', expected weights:// and a name"):
        ProductLine.from_yaml("{name: kit, backbone: {weights: 'weights://../x'}}")


def test_a_file_of_the_weights_folder_that_the_line_does_not_mean_is_refused_with_both_digests(monkeypatch, tmp_path):
    monkeypatch.setenv("CSAD_WEIGHTS", str(tmp_path))
    file = tmp_path / f"{BACKBONE}.safetensors"
    file.write_bytes(b"another")
    line = ProductLine(
        name="kit",
        backbone={"name": BACKBONE, "weights": f"weights://{BACKBONE}"},
        pinned_weights={BACKBONE: "0" * 64},
    )

    with pytest.raises(WeightsError, match=f"its sha256 is {file_digest(file)}, pinned_weights of the line says 0000"):
        StageRunner(tmp_path / "stages", line, 3).run(lgst.STAGE, images=tmp_path)


def test_a_training_on_this_machine_says_which_pins_are_idle(caplog):
    warn_of_idle_pins(foundation(pinned_weights={"sam_hq_vit_h": "0" * 64}))
    assert caplog.messages == []
    warn_of_idle_pins(ProductLine(name="kit", pinned_weights={"sam_hq_vit_h": "0" * 64, "bert_model": "1" * 64}))
    assert caplog.messages == ["pinned_weights: 2 names that this line does not read: bert_model, sam_hq_vit_h"]
