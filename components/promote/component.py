"""Component `promote`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def promote(
    line_yaml: str, version: str, endpoint: str, service_account: str, namespace: str, store_secret: str
) -> str:
    """Start the promotion pipeline for a registered version, as a run of its own under the deployer's account.

    Args:
        line_yaml: The product line, as text, with how it is served.
        version: Of the model.
        endpoint: Pipeline server, as pods reach it.
        service_account: Of the promotion run; the only one that may deploy.
        namespace: Where the model is served.
        store_secret: Name of the Kubernetes secret with the keys to the store.

    Returns:
        Output: Id of the run that was started.
    """
    from csad.config.line import ProductLine
    from csad.runner.task import failing_clearly
    from kfp_client.parameters import promotion_parameters
    from kfp_client.submission import start_promotion

    with failing_clearly("promote"):
        line = ProductLine.from_yaml(line_yaml).name
        parameters = promotion_parameters(line_yaml, version, store_secret, namespace)
        return start_promotion(endpoint, line, parameters, service_account)
