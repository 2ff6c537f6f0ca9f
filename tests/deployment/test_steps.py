"""A deployer's steps, one of which fails: who answers then, and who never does."""

import logging

import pytest

from csad.common.errors import DeploymentError
from csad.deployment.deployment import Step
from tests.deployment.scene import Scene, dying_at, failing_at


def test_a_version_that_fails_its_smoke_test_gets_no_request(scene: Scene):
    old, new = scene.version(), scene.version(wrong=True)
    scene.deploy(old)
    with pytest.raises(DeploymentError, match=f"smoke test fails.*version {old} serves as before"):
        scene.deploy(new)
    assert new not in scene.api.sent_to
    assert scene.api.exchanged == []
    assert scene.api.named("Deployment") == ["csad-bottles"]
    assert scene.api.serving() == scene.champion() == old


@pytest.mark.parametrize("step", [Step.TEST, Step.SUPPORT, Step.RECORD, Step.PROMOTE])
def test_the_way_back_is_bridged_whatever_fails_after_the_exchange(step: Step, scene: Scene):
    old, new = scene.version(), scene.version()
    scene.deploy(old)
    with pytest.raises(DeploymentError, match=f"by hand.*version {old} serves as before"):
        scene.deploy(new, failing_at(step, DeploymentError("stopped by hand")))
    assert scene.api.exchanged == [True, True], "there and back, requests went to the pods that bridge"
    assert scene.api.named("Deployment") == ["csad-bottles"]
    assert scene.api.serving() == scene.champion() == old


def test_pods_that_bridged_are_gone_in_the_end(scene: Scene):
    scene.deploy(scene.version())
    new = scene.version()
    scene.deploy(new)
    assert scene.api.named("Deployment") == scene.api.named("Service") == ["csad-bottles"]
    assert scene.api.serving() == scene.champion() == new


def test_pods_that_bridged_and_cannot_be_removed_do_not_undo_a_promotion(
    scene: Scene, caplog: pytest.LogCaptureFixture
):
    old, new = scene.version(), scene.version()
    scene.deploy(old)

    def forbid(step: Step) -> None:
        if step is Step.PROMOTE:
            scene.api.refused.add("DELETE Deployment")

    with caplog.at_level(logging.WARNING, "csad.deployment.deployment"):
        assert scene.deploy(new, forbid).version == new
    assert "candidate-csad-bottles is forbidden" in caplog.text
    assert scene.api.serving() == scene.champion() == new


def test_a_deployer_that_dies_before_it_promotes_leaves_bridging_pods_which_the_next_one_removes(scene: Scene):
    old, new = scene.version(), scene.version()
    scene.deploy(old)
    with pytest.raises(DeploymentError, match="dead"):
        scene.deploy(new, dying_at(Step.PROMOTE))
    assert set(scene.api.named("Deployment")) == {"csad-bottles", "candidate-csad-bottles"}
    assert scene.deploy(new).changed is False
    assert scene.api.named("Deployment") == ["csad-bottles"]
    assert scene.api.serving() == scene.champion() == new


def test_a_first_version_that_was_never_tested_is_nothing_to_go_back_to(scene: Scene):
    untested = scene.version(wrong=True)
    with pytest.raises(DeploymentError, match="dead"):
        scene.deploy(untested, dying_at(Step.TEST))
    assert scene.api.serving() == untested
    with pytest.raises(DeploymentError, match=r"smoke test fails.*nothing served this line before"):
        scene.deploy(untested)
    assert scene.api.named("Deployment") == []
    assert scene.champion() is None


def test_a_version_deployed_over_an_untested_first_one_has_nothing_to_go_back_to(scene: Scene):
    with pytest.raises(DeploymentError, match="dead"):
        scene.deploy(scene.version(), dying_at(Step.TEST))
    with pytest.raises(DeploymentError, match=r"smoke test fails.*nothing served this line before"):
        scene.deploy(scene.version(wrong=True))
    assert scene.api.named("Deployment") == []


def test_a_deployment_that_lost_its_note_is_gone_back_to_where_the_line_has_a_champion(scene: Scene):
    old, new = scene.version(), scene.version(wrong=True)
    scene.deploy(old)
    del scene.api.get("Deployment", "csad-bottles")["metadata"]["annotations"]
    with pytest.raises(DeploymentError, match=f"smoke test fails.*version {old} serves as before"):
        scene.deploy(new)
    assert scene.api.serving() == old


def test_a_deployment_made_by_hand_is_gone_back_to(scene: Scene):
    old, new = scene.version(), scene.version(wrong=True)
    with pytest.raises(DeploymentError, match="dead"):
        scene.deploy(old, dying_at(Step.TEST))
    del scene.api.get("Deployment", "csad-bottles")["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    with pytest.raises(DeploymentError, match=f"smoke test fails.*version {old} serves as before"):
        scene.deploy(new)
    assert scene.api.serving() == old
