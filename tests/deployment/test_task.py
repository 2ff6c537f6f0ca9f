"""The deployment component's work: a version replaces only the champion that the gate judged it against."""

import pytest

from csad.config.settings import GateSettings
from csad.deployment.task import run_deployment
from csad.gate.decision import GateDecision, Judged
from csad.store.champion import promote, read_champion
from tests.deployment.scene import BLUE_GREEN, Scene


def judged(against: str | None) -> str:
    """The gate.json of a version that was accepted against a champion; "" is one without a version."""
    model = Judged(version="", checksum="0", snapshot="1", seed=3, created="2026-11-24", milliseconds=1.0)
    decision = GateDecision(
        line="bottles",
        accepted=True,
        reason="better",
        challenger=model,
        champion=None if against is None else model.model_copy(update={"version": against}),
        judged_on="40 images",
        data="1",
        checks=(),
        notices=(),
        settings=GateSettings(),
        csad="0.1.0",
    )
    return decision.model_dump_json()


def promotion(version: str) -> str:
    """The version that the promotion run brings into service."""
    return run_deployment(BLUE_GREEN.to_yaml(), version, "lines", "serve", "csad-store").version


def version_judged(scene: Scene, against: str | None) -> str:
    return scene.version(**{"gate.json": judged(against)})


def test_of_two_trainings_that_beat_the_champion_the_second_is_not_promoted_over_the_first(scene: Scene):
    a = version_judged(scene, None)
    promotion(a)
    b, c = version_judged(scene, a), version_judged(scene, a)
    assert promotion(b) == b
    deleted = list(scene.api.deleted)
    with pytest.raises(SystemExit, match=f"judged version {c} of line bottles against {a}, but the champion is {b}"):
        promotion(c)
    assert scene.api.serving() == scene.champion() == b
    assert scene.api.deleted == deleted, "it was refused before anything was touched"
    judged_again = version_judged(scene, b)
    assert promotion(judged_again) == judged_again


def test_a_promotion_that_is_repeated_finds_its_work_done(scene: Scene):
    a = version_judged(scene, None)
    assert promotion(a) == promotion(a) == scene.champion() == a


@pytest.mark.parametrize(
    ("against", "words"), [(None, "against no champion"), ("", "against a model that has no version")]
)
def test_a_version_that_was_not_compared_with_the_champion_is_refused(against: str | None, words: str, scene: Scene):
    a = version_judged(scene, None)
    promotion(a)
    with pytest.raises(SystemExit, match=f"{words}, but the champion is {a}.*pipelines submit.*csad deploy"):
        promotion(version_judged(scene, against))


def test_a_version_whose_champion_is_gone_is_refused(scene: Scene):
    a = scene.version()
    with pytest.raises(SystemExit, match=f"against {a}, but there is no champion now"):
        promotion(version_judged(scene, a))


@pytest.mark.parametrize(("files", "words"), [({}, "has no gate.json"), ({"gate.json": "{}"}, "cannot be read")])
def test_a_version_without_a_decision_is_refused_and_says_what_to_do(files: dict, words: str, scene: Scene):
    with pytest.raises(SystemExit, match=f"{words}.*pipelines submit.*csad deploy"):
        promotion(scene.version(**files))
    assert scene.api.objects == {}


def test_by_hand_any_version_may_replace_any(scene: Scene):
    a, b, c = (scene.version() for _ in range(3))
    scene.deploy(a)
    promote(scene.store, "bottles", b, expected=read_champion(scene.store, "bottles"))
    assert scene.deploy(c).version == scene.champion() == c
