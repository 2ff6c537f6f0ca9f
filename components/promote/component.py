"""Component `promote`."""

from typing import NamedTuple

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def promote(
    line_yaml: str,
    version: str,
    reason: str,
    endpoint: str,
    service_account: str,
    namespace: str,
    store_secret: str,
    task_image: str,
    serve_image: str,
) -> NamedTuple("Outputs", [("endpoint", str), ("reason", str)]):
    """Bring the registered version into service: a run of its own under the deployer's account, waited for.

    Args:
        line_yaml: The product line, as text, with how it is served.
        version: Version of the model; "" where the gate refused it, and nothing is to be done.
        reason: What the gate said.
        endpoint: Pipeline server, as pods reach it.
        service_account: Service account of the promotion run; the only one that may deploy.
        namespace: Where the model is served.
        store_secret: Name of the Kubernetes secret with the keys to the store.
        task_image: Image of the promotion's task.
        serve_image: The generic serving image.

    Returns:
        endpoint: Address of the service inside the cluster, once it answers; "" where the gate refused.
        reason: What the gate said.
    """
    from csad.runner.task import failing_clearly
    from kfp_client.promoting import Promotion, promote_from_task

    wanted = (line_yaml, version, endpoint, service_account, namespace, store_secret, task_image, serve_image)
    with failing_clearly("promote"):
        address = promote_from_task(Promotion(*wanted)) if version else ""
        print(f"promote: {address} answers" if address else f"promote: nothing goes into service: {reason}")
        return address, reason
