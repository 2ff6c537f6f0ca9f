"""The rendered objects: valid, restricted, named without collisions."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from csad.config.line import NAME, ProductLine
from csad.deployment import example as deployment_example
from csad.deployment.names import ServingNames, Slot
from csad.deployment.objects import (
    DeploymentTarget,
    ServingObjects,
    as_manifest,
    fill,
    served_version,
    template_digest,
    verified_manifest,
    with_verified,
)

ROOT = Path(__file__).parents[2]
VERSION = "20261124T101500Z-0123abcd"


def objects(image: str = "csad-serve:1", **deployment: object) -> ServingObjects:
    line = ProductLine.model_validate({"name": "bottles", "deployment": deployment})
    return ServingObjects(DeploymentTarget(line, VERSION, image), "0" * 64, "http://store:9000")


def pod(manifest: dict) -> dict:
    return manifest["spec"]["template"]["spec"]


@pytest.mark.parametrize("settings", [{}, {"gpus": 1}, {"gpus": 1, "strategy": "blue_green"}])
@pytest.mark.parametrize("release", ["1.29", "1.33"])
def test_kubernetes_accepts_every_object(settings: dict, release: str):
    made = objects(**settings)
    manifests = [
        made.main(),
        made.candidate(2),
        made.service(Slot.MAIN, selects=Slot.CANDIDATE),
        made.network_policy(),
        made.autoscaler(),
        made.disruption_budget("policy/v1"),
    ]
    for manifest in manifests:
        kubernetes_validate.validate(yaml.safe_load(yaml.safe_dump(manifest)), release, strict=True)


def test_the_pods_fit_the_restricted_level():
    spec = pod(objects().main())
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert {next(iter(set(volume) - {"name"})) for volume in spec["volumes"]} == {"emptyDir"}
    for container in [*spec["initContainers"], *spec["containers"]]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
        assert {"requests", "limits"} <= set(container["resources"])


def test_replicas_are_left_to_the_autoscaler():
    assert "replicas" not in objects().main()["spec"]
    assert objects().candidate(3)["spec"]["replicas"] == 3


def test_a_rolling_update_never_lowers_the_number_of_pods():
    assert objects().main()["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_the_pods_that_bridge_a_blue_green_exchange_need_no_gpu():
    made = objects(gpus=2, strategy="blue_green")
    serve, bridge = pod(made.main())["containers"][0], pod(made.candidate(1))["containers"][0]
    assert serve["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert {"name": "CSAD_DEVICE", "value": "cuda"} in serve["env"]
    assert "nvidia.com/gpu" not in bridge["resources"]["limits"]
    assert {"name": "CSAD_DEVICE", "value": "cpu"} in bridge["env"]
    assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"} in bridge["env"]
    assert pod(objects(gpus=1).candidate(1))["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_what_selects_pods_finds_them():
    made = objects()
    labels = made.main()["spec"]["template"]["metadata"]["labels"]
    selectors = [
        made.main()["spec"]["selector"]["matchLabels"],
        made.service(Slot.MAIN, selects=Slot.MAIN)["spec"]["selector"],
        made.disruption_budget("policy/v1")["spec"]["selector"]["matchLabels"],
        made.network_policy()["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    diverted = made.service(Slot.MAIN, selects=Slot.CANDIDATE)["spec"]["selector"]
    assert diverted.items() <= made.candidate(1)["spec"]["template"]["metadata"]["labels"].items()
    assert not diverted.items() <= labels.items()


def test_the_digest_follows_the_template():
    assert template_digest(objects().main()) == template_digest(objects(minimum_replicas=2).main())
    assert template_digest(objects().main()) != template_digest(objects(cpu=2).main())
    assert template_digest(objects().main()) != template_digest(objects(image="csad-serve:2").main())


def test_a_deployment_remembers_what_to_go_back_to():
    before, after = objects().main(), objects(image="csad-serve:2").main()
    live = with_verified(after, with_verified(before, before))
    assert verified_manifest(live) == before | {"metadata": {**before["metadata"], "annotations": {}}}
    assert served_version(verified_manifest(live)) == VERSION
    assert verified_manifest(before) is None
    assert verified_manifest({"metadata": {"annotations": {"csad/verified": "{"}}}) is None


def test_a_live_deployment_becomes_a_manifest_without_its_status():
    live = objects().main() | {"status": {"replicas": 3}}
    live["spec"]["replicas"] = 3
    live["metadata"]["resourceVersion"] = "7"
    assert as_manifest(live) == objects().main()


def test_the_network_policy_lets_the_store_through():
    rules = objects().network_policy()["spec"]["egress"]
    assert [port["port"] for port in rules[1]["ports"]] == [8333, 9000]
    other = ServingObjects(objects().target, "0" * 64, "https://s3.example.com")
    assert 443 in [port["port"] for port in other.network_policy()["spec"]["egress"][1]["ports"]]


def test_a_placeholder_without_a_value_is_an_error():
    with pytest.raises(KeyError, match="name"):
        fill("service")


def test_the_example_is_what_the_templates_give():
    written = (ROOT / "manifests" / "serving" / "example.yaml").read_text()
    assert written == deployment_example.render(), "run: python -m csad.deployment.example"


@pytest.mark.parametrize(
    ("line", "name"),
    [("bottles", "csad-bottles"), ("7-up", "csad-7-up"), ("bottle-line-2", "csad-bottle-line-2")],
)
def test_a_plain_name_is_kept(line: str, name: str):
    assert ServingNames(line, "csad").main == name


def test_names_that_a_dns_name_cannot_hold_stay_apart():
    lines = ["a_b", "a-b", "a" * 60, "a" * 61, "a" * 59 + "_b"]
    assert len({ServingNames(line, "csad").main for line in lines}) == len(lines)


@given(st.from_regex(NAME, fullmatch=True))
def test_every_line_has_valid_names(line: str):
    names = ServingNames(line, "csad")
    for name in (names.main, names.candidate):
        assert len(name) <= 63
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert name[0].isalpha()
        assert name[-1] != "-"
    assert names.main != names.candidate


@given(st.from_regex(NAME, fullmatch=True), st.from_regex(NAME, fullmatch=True))
def test_two_lines_never_share_a_name(one: str, other: str):
    first, second = ServingNames(one, "csad"), ServingNames(other, "csad")
    if one != other:
        assert len({first.main, first.candidate, second.main, second.candidate}) == 4
