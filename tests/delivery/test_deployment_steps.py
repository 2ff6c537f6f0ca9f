"""A deployer's steps, one of which fails: who answers then, and who never does."""

import pytest

from csad.errors import DeploymentError
from tests.delivery.scene import Scene


def test_a_version_that_fails_its_smoke_test_gets_no_request(scene: Scene):
    old, new = scene.version(), scene.version(wrong=True)
    scene.deploy(old)
    with pytest.raises(DeploymentError, match=f"smoke test fails.*version {old} serves as before"):
        scene.deploy(new)
    assert new not in scene.api.sent_to
    assert scene.api.exchanged == []
    assert scene.api.named("Deployment") == ["csad-bottles"]
    assert scene.api.serving() == scene.champion() == old
