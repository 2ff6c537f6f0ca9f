"""The first step of a run: which data, is there anything to do, and each image checked once."""

import pytest
from PIL import Image

from csad.config.line import ProductLine
from csad.gate.intake_task import run_intake
from csad.gate.unchanged import deployed_as, why_unchanged
from csad.runner.data_source import resolve_uri
from csad.runner.snapshot import open_snapshot
from csad.runner.task import STORE_VARIABLE
from csad.store import champion
from csad.store.objects import ObjectStore
from csad.store.outcome import Outcome, write_deployed, write_outcome
from csad.store.push import push_dataset
from tests.conftest import draw_product

VERSION, OTHER = "20261124T101500Z-0123abcd", "20261125T101500Z-0123abcd"


@pytest.fixture
def store(named_store, monkeypatch) -> ObjectStore:
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    return ObjectStore.connect(named_store)


@pytest.fixture
def take_in(tiny_line):
    def take_in(line=tiny_line, force=False):
        return run_intake(line.to_yaml(), "store://tiny", 3, force)

    return take_in


def test_equal_data_are_checked_once_and_have_equal_addresses(store, take_in, tiny_line_data, capfd):
    push_dataset(store, tiny_line_data, "tiny")
    first = take_in()
    assert "checked by an earlier run" not in capfd.readouterr().out
    again = take_in()
    assert "checked by an earlier run" in capfd.readouterr().out
    assert first == again
    assert first.changed
    assert (first.summary.train, first.summary.validation, first.summary.test) == (10, 5, 9)
    with resolve_uri(first.training_images) as folder:
        images = open_snapshot(folder)
        assert (len(images.train), len(images.validation), len(images.test)) == (10, 5, 0)
    with resolve_uri(first.images) as folder:
        assert len(open_snapshot(folder).test) == 9


def test_another_test_image_changes_what_evaluates_and_nothing_that_trains(
    store, take_in, tiny_line_data, copied, tmp_path
):
    push_dataset(store, tiny_line_data, "tiny")
    before = take_in()
    more = copied(tiny_line_data, "more")
    draw_product(999).save(more / "test/good/900.png")
    assert Image.open(more / "test/good/900.png").size == (128, 128)
    push_dataset(store, more, "tiny")
    after = take_in()
    assert after.training_images == before.training_images
    assert after.images != before.images
    assert after.origin != before.origin


@pytest.fixture
def serving(monkeypatch):
    """Sets the version in service."""

    def serving(version):
        found = champion.Champion(version, (), "etag") if version else None
        monkeypatch.setattr("csad.gate.unchanged.read_champion", lambda store, line: found)

    return serving


def test_a_run_of_what_is_in_service_has_nothing_to_do_unless_it_is_forced(
    store, take_in, tiny_line, tiny_line_data, serving
):
    push_dataset(store, tiny_line_data, "tiny")
    origin = take_in().origin
    write_outcome(store, "tiny", Outcome(origin, None, VERSION, "the first"))
    write_deployed(store, "tiny", deployed_as(tiny_line, VERSION))
    serving(VERSION)

    skipped = take_in()
    assert not skipped.changed
    assert f"version {VERSION}, of the same data, line and code, is in service" in skipped.said
    assert take_in(force=True).changed


def test_when_a_run_is_needed_although_nothing_changed(store, tiny_line, serving):
    """A rollout that failed, other settings of the service, or another champion since."""
    by_hand = ProductLine.model_validate(tiny_line.model_dump() | {"schedule": {"deploy": False}})
    larger = ProductLine.model_validate(tiny_line.model_dump() | {"deployment": {"minimum_replicas": 3}})
    write_outcome(store, "tiny", Outcome("origin", OTHER, VERSION, "better"))
    serving(OTHER)
    assert why_unchanged(store, tiny_line, "origin") is None
    assert "waits for somebody to promote it" in why_unchanged(store, by_hand, "origin")
    assert why_unchanged(store, by_hand, "another origin") is None
    write_deployed(store, "tiny", deployed_as(tiny_line, VERSION))
    serving(VERSION)
    assert why_unchanged(store, tiny_line, "origin") is not None
    assert why_unchanged(store, larger, "origin") is None


def test_what_the_gate_refused_is_not_tried_again_against_the_same_champion(store, tiny_line, serving):
    write_outcome(store, "tiny", Outcome("origin", OTHER, None, "too many false rejects"))
    serving(OTHER)
    assert why_unchanged(store, tiny_line, "origin").endswith("before: too many false rejects")
    serving(VERSION)
    assert why_unchanged(store, tiny_line, "origin") is None
