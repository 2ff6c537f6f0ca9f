"""Taking a line out of service, while others may be at work on it."""

import logging
import time

import pytest

from csad.common.errors import DeploymentError
from csad.deployment.cluster import Kind
from csad.deployment.cluster_lease import Busy, LeaseLost, LeaseTerms, acquire_lease
from csad.deployment.deployment import Step
from csad.deployment.status import undeploy
from tests.deployment.scene import Scene, dying_at

LEASE = LeaseTerms(seconds=3, wait=0.5)


def test_everything_of_a_line_goes_and_its_lease_last(scene: Scene, caplog: pytest.LogCaptureFixture):
    version = scene.version()
    scene.deploy(version)
    with caplog.at_level(logging.WARNING):
        removed = undeploy("bottles", scene.cluster, LEASE)
    kinds = ("Service", "Deployment", "PodDisruptionBudget", "NetworkPolicy")
    assert removed == [f"{kind} csad-bottles" for kind in kinds]
    assert scene.api.deleted[-5:] == [*removed, "Lease csad-bottles"]
    assert scene.api.objects == {}
    assert scene.champion() == version
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_line_that_a_deployer_works_on_is_left_alone(scene: Scene):
    version = scene.version()
    scene.deploy(version)
    with (
        acquire_lease(scene.cluster.clone(), "csad-bottles", LEASE) as deployer,
        pytest.raises(Busy, match=f"{deployer.holder} has been at work on this line"),
    ):
        undeploy("bottles", scene.cluster, LEASE)
    assert scene.api.serving() == version


def test_what_a_deployer_that_died_left_of_a_line_goes_too(scene: Scene):
    scene.deploy(scene.version())
    with pytest.raises(DeploymentError, match="dead"):
        scene.deploy(scene.version(), dying_at(Step.RECORD))
    assert set(scene.api.named("Deployment")) == {"csad-bottles", "candidate-csad-bottles"}
    undeploy("bottles", scene.cluster, LEASE)
    assert scene.api.objects == {}


def test_a_lease_that_somebody_else_has_taken_is_not_removed(scene: Scene):
    with acquire_lease(scene.cluster.clone(), "csad-bottles", LEASE) as ours:
        other = scene.cluster.find(Kind.LEASE, "csad-bottles")
        other["spec"]["holderIdentity"] = "somebody else"
        scene.cluster.replace(Kind.LEASE, other)
        wait_until_noticed(ours)
        with pytest.raises(LeaseLost, match="another deployer may have taken over"):
            ours.remove()
    assert scene.cluster.find(Kind.LEASE, "csad-bottles")["spec"]["holderIdentity"] == "somebody else"


def test_a_lease_whose_renewal_was_late_is_still_held_when_nobody_took_it(scene: Scene, monkeypatch):
    """What follows a restart of the API server: the deployer may ask before the renewal has come through."""
    with acquire_lease(scene.cluster.clone(), "csad-bottles", LEASE) as ours:
        monkeypatch.setattr(ours, "_renewed", time.monotonic() - 10 * LEASE.seconds)
        ours.check()


def wait_until_noticed(lease) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            lease.check()
        except LeaseLost:
            return
        time.sleep(0.1)
    raise AssertionError("the lease was not found to be lost")
