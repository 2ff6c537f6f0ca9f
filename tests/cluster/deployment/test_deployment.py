"""A version comes into service, is exchanged under load, and goes back."""

import json

import pytest
from click.testing import CliRunner

from csad.cli import main
from csad.delivery.cluster import Kind
from csad.delivery.deployment import Step, roll_back
from csad.delivery.deployment_names import ServingNames
from csad.delivery.deployment_objects import verified_manifest
from csad.delivery.smoke_channel import ForwardedChannel, reach
from tests.cluster.deployment.scene import TERMS, Scene, line

FORWARDING = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: admin-for-port-forward}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: ServiceAccount, name: csad-deployer}]
"""


@pytest.fixture(scope="module")
def first(scene: Scene) -> str:
    """The version that serves the line bottles when a test begins."""
    version = scene.version()
    result = scene.deploy(version)
    assert (result.version, result.previous, result.changed) == (version, None, True)
    assert scene.serving() == scene.champion() == version
    return version


def test_what_a_line_consists_of(scene: Scene, first: str):
    name = ServingNames("bottles", scene.namespace).main
    pod = scene.cluster.select(Kind.POD, {"csad/line": "bottles"})[0]
    assert pod["spec"]["automountServiceAccountToken"] is False
    for container in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert scene.cluster.find(Kind.NETWORK_POLICY, name) is not None
    assert scene.cluster.find(Kind.OLD_DISRUPTION_BUDGET, name)["spec"]["maxUnavailable"] == 1


def test_the_same_again_changes_nothing(scene: Scene, first: str):
    pods = [pod["metadata"]["name"] for pod in scene.cluster.select(Kind.POD, {"csad/line": "bottles"})]
    steps: list[Step] = []
    result = scene.deploy(scene.champion(), on_step=steps.append)
    assert result.changed is False
    assert Step.ROLL not in steps
    assert [pod["metadata"]["name"] for pod in scene.cluster.select(Kind.POD, {"csad/line": "bottles"})] == pods
    if not scene.cluster.offers(Kind.AUTOSCALER):
        assert "autoscaling/v2" in result.skipped["HorizontalPodAutoscaler"]


def test_a_rolling_update_under_ten_requests_a_second_fails_none(scene: Scene, first: str):
    two = line(minimum_replicas=2)
    before = scene.champion()
    scene.deploy(before, product_line=two)
    after = scene.version()
    with scene.clients() as seen:
        result = scene.deploy(after, product_line=two)
    print(f"\nrolling update of 2 pods under 10 requests/s: {len(seen.failures)} of {len(seen.versions)} failed")
    assert seen.failures == []
    assert len(seen.versions) > 50
    assert set(seen.versions) == {before, after}
    assert seen.versions[0] == before
    assert (result.previous, scene.serving(), scene.champion()) == (before, after, after)


def test_replicas_belong_to_whoever_scales(scene: Scene, first: str):
    name = ServingNames("bottles", scene.namespace).main
    two = line(minimum_replicas=1, maximum_replicas=3)
    scene.cluster.scale(name, 3)
    scene.deploy(scene.version(), product_line=two)
    assert scene.cluster.find(Kind.DEPLOYMENT, name)["spec"]["replicas"] == 3
    scene.cluster.scale(name, 1)


def test_rollback_brings_the_one_before_back(scene: Scene, first: str):
    before = scene.champion()
    scene.deploy(scene.version())
    with scene.clients() as seen:
        result = roll_back(scene.target(""), scene.store, scene.cluster, TERMS)
    assert seen.failures == []
    assert (result.version, scene.serving(), scene.champion()) == (before, before, before)


def test_people_deploy_look_and_take_away(scene: Scene, tmp_path, monkeypatch: pytest.MonkeyPatch):
    for name, value in scene.server.settings.to_environment().items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "cups.yaml"
    file.write_text(line("cups_2").to_yaml())
    version = scene.version("cups_2")
    options = ["-n", scene.namespace, "--json"]
    serving = ["--image", "csad-serve-stand-in:test", "--pull-policy", "Never"]
    run = CliRunner().invoke

    done = run(main, ["deploy", str(file), "--latest", *serving, *options])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["version"] == version

    found = json.loads(run(main, ["status", "cups_2", *options]).stdout)
    assert (found["state"], found["serving"], found["champion"], found["ready"]) == ("ready", version, version, 1)

    removed = json.loads(run(main, ["undeploy", str(file), "--yes", *options]).stdout)["removed"]
    name = ServingNames("cups_2", scene.namespace).main
    assert {f"Deployment {name}", f"Service {name}", f"NetworkPolicy {name}"} <= set(removed)
    assert run(main, ["status", "cups_2", *options]).exit_code == 1
    assert scene.champion("cups_2") == version


def test_blue_green_exchanges_without_room_for_a_second_pod_of_its_kind(scene: Scene, first: str):
    bridged = line(strategy="blue_green")
    before = scene.champion()
    scene.deploy(before, product_line=bridged)
    after = scene.version()
    steps: list[Step] = []
    with scene.clients() as seen:
        scene.deploy(after, product_line=bridged, on_step=steps.append)
    assert seen.failures == []
    assert set(seen.versions) == {before, after}
    assert [step for step in steps if step in (Step.DIVERT, Step.ROLL, Step.RETURN)] == [
        Step.DIVERT,
        Step.ROLL,
        Step.RETURN,
    ]
    name = ServingNames("bottles", scene.namespace).main
    live = scene.cluster.find(Kind.DEPLOYMENT, name)
    assert live["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": "100%"}
    assert verified_manifest(live)["spec"]["template"]["metadata"]["labels"]["csad/version"] == after
    assert scene.leftovers() == []


def test_from_outside_the_service_is_reached_through_the_api_server(
    scene: Scene, cluster, first: str, monkeypatch: pytest.MonkeyPatch
):
    cluster.kubectl("-n", scene.namespace, "apply", "-f", "-", text=FORWARDING)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    channel = reach(scene.cluster, ServingNames("bottles", scene.namespace).main)
    assert isinstance(channel, ForwardedChannel)
    answer = channel.post("/score", b"image", {"Content-Type": "image/png"})
    assert json.loads(answer.body)["model"]["version"] == scene.champion()
