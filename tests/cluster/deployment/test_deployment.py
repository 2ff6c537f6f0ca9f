"""A version comes into service, is exchanged under load, and goes back."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from csad.cli import main
from csad.deployment.cluster import Kind
from csad.deployment.deployment import Step, roll_back
from csad.deployment.names import ServingNames
from csad.deployment.objects import verified_manifest
from csad.deployment.smoke_channel import ForwardedChannel, open_channel
from tests.cluster.deployment.scene import TERMS, Scene, line

AT_A_TIME = 4
FORWARDING = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: admin-for-port-forward}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: ServiceAccount, name: csad-deployer}]
"""


def consists_of_restricted_pods_and_what_guards_them(scene: Scene, name: str) -> None:
    version = scene.version(name)
    result = scene.deploy(version, product_line=line(name))
    assert (result.version, result.previous, result.changed) == (version, None, True)
    assert scene.serving(name) == scene.champion(name) == version
    pod = scene.cluster.select(Kind.POD, {"csad/line": name})[0]
    assert pod["spec"]["automountServiceAccountToken"] is False
    for container in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    main = ServingNames(name, scene.namespace).main
    assert scene.cluster.find(Kind.NETWORK_POLICY, main) is not None
    assert scene.cluster.find(Kind.OLD_DISRUPTION_BUDGET, main)["spec"]["maxUnavailable"] == 1


def changes_nothing_the_second_time(scene: Scene, name: str) -> None:
    version = scene.version(name)
    scene.deploy(version, product_line=line(name))
    pods = [pod["metadata"]["name"] for pod in scene.cluster.select(Kind.POD, {"csad/line": name})]
    steps: list[Step] = []
    result = scene.deploy(version, product_line=line(name), on_step=steps.append)
    assert result.changed is False
    assert Step.ROLL not in steps
    assert [pod["metadata"]["name"] for pod in scene.cluster.select(Kind.POD, {"csad/line": name})] == pods
    if not scene.cluster.offers(Kind.AUTOSCALER):
        assert "autoscaling/v2" in result.skipped["HorizontalPodAutoscaler"]


def loses_no_request_of_ten_a_second_in_a_rolling_update(scene: Scene, name: str) -> None:
    two = line(name, minimum_replicas=2)
    before, after = scene.version(name), scene.version(name)
    scene.deploy(before, product_line=two)
    with scene.clients(name) as seen:
        result = scene.deploy(after, product_line=two)
    print(f"\nrolling update of 2 pods under 10 requests/s: {len(seen.failures)} of {len(seen.versions)} failed")
    assert seen.failures == []
    assert len(seen.versions) > 50
    assert set(seen.versions) == {before, after}
    assert seen.versions[0] == before
    assert (result.previous, scene.settled(name, after), scene.champion(name)) == (before, after, after)


def leaves_replicas_to_whoever_scales(scene: Scene, name: str) -> None:
    main, first, second = ServingNames(name, scene.namespace).main, scene.version(name), scene.version(name)
    scene.deploy(first, product_line=line(name))
    scene.cluster.scale(main, 2)
    scene.deploy(second, product_line=line(name))
    assert scene.cluster.find(Kind.DEPLOYMENT, main)["spec"]["replicas"] == 2


def comes_back_by_rollback(scene: Scene, name: str) -> None:
    first, second = scene.version(name), scene.version(name)
    scene.deploy(first, product_line=line(name))
    scene.deploy(second, product_line=line(name))
    with scene.clients(name) as seen:
        result = roll_back(scene.target("", line(name)), scene.store, scene.cluster, TERMS)
    assert seen.failures == []
    assert (result.version, scene.settled(name, first), scene.champion(name)) == (first, first, first)


def is_exchanged_blue_green_without_room_for_a_second_pod_of_its_kind(scene: Scene, name: str) -> None:
    bridged = line(name, strategy="blue_green")
    before, after = scene.version(name), scene.version(name)
    scene.deploy(before, product_line=bridged)
    steps: list[Step] = []
    with scene.clients(name) as seen:
        scene.deploy(after, product_line=bridged, on_step=steps.append)
    assert seen.failures == []
    assert set(seen.versions) == {before, after}
    exchange = [step for step in steps if step in (Step.DIVERT, Step.ROLL, Step.RETURN)]
    assert exchange == [Step.DIVERT, Step.ROLL, Step.RETURN]
    live = scene.cluster.find(Kind.DEPLOYMENT, ServingNames(name, scene.namespace).main)
    assert live["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": "100%"}
    assert verified_manifest(live)["spec"]["template"]["metadata"]["labels"]["csad/version"] == after
    assert scene.leftovers(name) == []


CASES: dict[str, Callable[[Scene, str], None]] = {
    case.__name__.replace("_", " "): case
    for case in (
        comes_back_by_rollback,
        leaves_replicas_to_whoever_scales,
        loses_no_request_of_ten_a_second_in_a_rolling_update,
        is_exchanged_blue_green_without_room_for_a_second_pod_of_its_kind,
        consists_of_restricted_pods_and_what_guards_them,
        changes_nothing_the_second_time,
    )
}


@pytest.fixture(scope="module")
def outcomes(scene: Scene) -> Iterator[dict[str, Future[None]]]:
    """All cases, under way, each with a line of its own."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {
            case: pool.submit(check, scene.for_another_thread(), f"line-{index}")
            for index, (case, check) in enumerate(CASES.items())
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES)
def test_a_line(case: str, outcomes):
    outcomes[case].result()


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


def test_from_outside_the_service_is_reached_through_the_api_server(
    scene: Scene, cluster, monkeypatch: pytest.MonkeyPatch
):
    name = "from_outside"
    version = scene.version(name)
    scene.deploy(version, product_line=line(name))
    cluster.kubectl("-n", scene.namespace, "apply", "-f", "-", text=FORWARDING)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    channel = open_channel(scene.cluster, ServingNames(name, scene.namespace).main)
    assert isinstance(channel, ForwardedChannel)
    answer = channel.post("/score", b"image", {"Content-Type": "image/png"})
    assert json.loads(answer.body)["model"]["version"] == version
