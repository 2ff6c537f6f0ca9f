"""The doctor asks about the rights that the manifests give, no more and no less."""

from pathlib import Path

import pytest
import yaml

from csad.deployment.cluster_access import Right
from pipelines.rights import NEEDED_TO_DEPLOY, NEEDED_TO_RUN

BASE = Path(__file__).parents[2] / "manifests/base"


@pytest.mark.parametrize(
    ("file", "asked"), [("runs/role-run.yaml", NEEDED_TO_RUN), ("serving/role-deployer.yaml", NEEDED_TO_DEPLOY)]
)
def test_the_rights_are_those_of_the_role(file, asked):
    (role,) = (one for one in yaml.safe_load_all((BASE / file).read_text()) if one["kind"] == "Role")
    given = {
        Right(verb, resource, group, name)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }
    assert set(asked) == given
    assert len(set(asked)) == len(asked)


def test_a_right_is_written_as_kubectl_takes_it():
    assert str(Right("get", "pods/log")) == "get pods/log"
    assert str(Right("patch", "deployments", "apps")) == "patch deployments.apps"
    assert str(Right("get", "secrets", name="one")) == "get secrets/one"
