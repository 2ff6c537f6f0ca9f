"""The promotion pipeline: a registered version goes into service, under the deployer's account."""

from kfp import dsl

from components.deployment import deployment
from components.images import SERVE_IMAGE
from kfp_client.names import NAMESPACE, STORE_SECRET
from kfp_client.names import PROMOTION as NAME
from pipelines.resources import WAITING, place_on_cpu, use_store, use_token


@dsl.pipeline(name=NAME, description="Put a registered version of a line's model into service.")
def promotion(
    line_yaml: str,
    version: str,
    namespace: str = NAMESPACE,
    image: str = SERVE_IMAGE,
    store_secret: str = STORE_SECRET,
) -> None:
    """Deploy, smoke-test, and move the champion pointer; the old model serves until then.

    Args:
        line_yaml: The product line, as text, with how it is served.
        version: Version of the model, as `csad models list` names it.
        namespace: Where it is served.
        image: Generic serving image.
        store_secret: Name of the Kubernetes secret with the keys to the store.
    """
    deployed = deployment(
        line_yaml=line_yaml, version=version, namespace=namespace, image=image, store_secret=store_secret
    ).set_caching_options(False)
    use_token(use_store(place_on_cpu(deployed, WAITING), store_secret))
