"""Component `deployment`."""

from typing import NamedTuple

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def deployment(
    line_yaml: str, version: str, namespace: str, image: str, store_secret: str = "csad-store"
) -> NamedTuple("Outputs", [("endpoint", str)]):
    """Bring a registered version into service without a dropped request, and make it the champion.

    Args:
        line_yaml: The product line, as text; its section `deployment` says how it is served.
        version: Registered version, as `packaging` returned it, judged against the champion that it replaces.
        namespace: Namespace of the cluster, where it is served.
        image: The generic serving image.
        store_secret: Secret of that namespace with the store's address and keys, for the pods.

    Returns:
        endpoint: Address of the service inside the cluster.
    """
    from csad.deployment.task import run_deployment

    result = run_deployment(line_yaml, version, namespace, image, store_secret)
    return (result.endpoint,)
