"""The deployment component's work: connect to the store and the cluster, and deploy."""

from csad.config.line import ProductLine
from csad.deployment.cluster import Cluster
from csad.deployment.deployment import DeploymentResult, DeploymentTarget, deploy
from csad.gate.registered import judged_version
from csad.gate.unchanged import deployed_as
from csad.runner.task import failing_clearly
from csad.store.objects import ObjectStore
from csad.store.outcome import write_deployed
from csad.store.registry import show_model
from csad.store.settings import StoreSettings


def run_deployment(line_yaml: str, version: str, namespace: str, image: str, store_secret: str) -> DeploymentResult:
    """Deploy from inside a pipeline's task, over the champion that the gate judged the version against and no other.

    Args:
        line_yaml: The product line, as text.
        version: Registered version.
        namespace: Namespace of the cluster.
        image: The generic serving image.
        store_secret: Secret with the store's address and keys, for the pods.

    Raises:
        SystemExit: It failed for a reason that a user can put right; its message is the exit status.
    """
    with failing_clearly("deployment"):
        target = DeploymentTarget(ProductLine.from_yaml(line_yaml), version, image, namespace, store_secret)
        store = ObjectStore.connect(StoreSettings.from_environment())
        judged = judged_version(store, show_model(store, target.line.name, version))
        result = deploy(target, store, Cluster.connect(namespace), may_replace=judged.require_champion)
        write_deployed(store, target.line.name, deployed_as(target.line, version))
        return result
