"""The whole way with nothing made up: a trained model, its Bento, the real serving image, a rolling update."""

import http.client
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from csad.config.line import DeploymentSettings
from csad.deployment.deployment import DeploymentTarget, DeployTerms, deploy
from csad.deployment.rollout import RolloutTerms
from csad.images import scan_for_evaluation
from csad.packaging.archive_smoke import choose_images, smoke_test_of
from csad.packaging.packaging import package
from csad.packaging.provenance import Provenance
from csad.scoring.scorer import Scorer
from csad.store.registry import register_model
from tests.cluster.deployment.scene import Scene

TERMS = DeployTerms(rollout=RolloutTerms(timeout=240))


@pytest.fixture(scope="module")
def serve_image(request: pytest.FixtureRequest) -> str:
    """CSAD_SERVE_IMAGE where it is set, else the image of this tree, which is built first."""
    return os.environ.get("CSAD_SERVE_IMAGE") or request.getfixturevalue("csad_images")["serve"]


def test_a_trained_model_is_served_and_exchanged(
    scene: Scene, serve_image: str, exported_model: Path, tiny_line_data: Path, tmp_path: Path
):
    scorer = Scorer.load(exported_model)
    line = scorer.line.model_copy(update={"deployment": DeploymentSettings(cpu=0.2, memory="1Gi")})
    smoke = smoke_test_of(scorer, choose_images(scan_for_evaluation(tiny_line_data, scorer.line)))
    provenance = Provenance.of(scorer.manifest, "0" * 40, {})
    packaged = package(exported_model, tmp_path / "package", provenance, smoke)
    labels = provenance.registry_labels()
    one, other = (
        register_model(scene.store, exported_model, replace(labels, seed=seed), packaged.files).version
        for seed in (1, 2)
    )
    target = DeploymentTarget(line, one, serve_image, scene.namespace)

    first = deploy(target, scene.store, scene.cluster, TERMS)
    image = tiny_line_data / "test" / "structural_anomalies" / "000.png"
    connection = http.client.HTTPConnection(scene.address(line.name), 80, timeout=60)
    connection.request("POST", "/score", image.read_bytes(), {"Content-Type": "image/png"})
    answer = json.loads(connection.getresponse().read())
    assert answer["model"] == {"line": line.name, "version": one}
    expected = next(found for found in smoke.images if "structural_anomalies/000" in found.name)
    assert answer["score"] == pytest.approx(expected.score, rel=1e-3, abs=1e-3)

    with scene.clients(line.name, per_second=2, body=image.read_bytes()) as seen:
        second = deploy(replace(target, version=other), scene.store, scene.cluster, TERMS)
    print(
        f"\nreal image: first deployment {first.seconds} s, exchange {second.seconds} s, "
        f"{len(seen.failures)} of {len(seen.versions)} requests failed"
    )
    assert seen.failures == []
    assert set(seen.versions) <= {one, other}
    assert scene.settled(line.name, other, image.read_bytes()) == scene.champion(line.name) == other
    scene.finish(line.name)
