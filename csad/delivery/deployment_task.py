"""The deployment component's work: connect to the store and the cluster, deploy, fail with one message."""

import logging
import os
import sys

from csad.delivery.cluster import Cluster
from csad.delivery.deployment import DeploymentResult, DeploymentTarget, deploy
from csad.delivery.deployment_objects import PullPolicy
from csad.errors import CsadError
from csad.line import ProductLine
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings

POLICY = "CSAD_PULL_POLICY"
PULL_POLICIES: dict[str, PullPolicy] = {"IfNotPresent": "IfNotPresent", "Always": "Always", "Never": "Never"}


def run_deployment(line_yaml: str, version: str, namespace: str, image: str, store_secret: str) -> DeploymentResult:
    """Deploy from inside a pipeline's task.

    Args:
        line_yaml: The product line, as text.
        version: Registered version.
        namespace: Of the cluster.
        image: The generic serving image.
        store_secret: Secret with the store's address and keys, for the pods.

    Raises:
        SystemExit: It failed for a reason that a user can put right; its message is the exit status.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    policy = PULL_POLICIES.get(os.environ.get(POLICY, ""), "IfNotPresent")
    try:
        line = ProductLine.from_yaml(line_yaml)
        target = DeploymentTarget(line, version, image, namespace, store_secret, pull_policy=policy)
        return deploy(target, ObjectStore.connect(StoreSettings.from_environment()), Cluster.connect(namespace))
    except CsadError as error:
        raise SystemExit(f"deployment: {error}") from error
