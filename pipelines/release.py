"""The end of the training pipeline: an accepted model becomes a registered version, and is handed on for promotion.

A run has one service account, and code that trains must not be able to deploy. So training ends with the registered
version. Putting it into service is a run of its own, `pipelines.promotion`, under the deployer's account; `promote`
starts one through the pipeline server where the line asks for it.

These are pipelines of their own because kfp.local takes a condition on another task's named output for false; on a
parameter it is right.
"""

from kfp import dsl

from components.packaging import packaging
from components.promote import promote
from pipelines.images import SERVE_IMAGE, TRAIN_IMAGE
from pipelines.resources import MEDIUM, SMALL, ask_server, place_on_cpu, use_store

ACCEPTED = "true"


@dsl.pipeline(name="release")
def release_on_cluster(
    accepted: str,
    reason: str,
    line_yaml: str,
    git_commit: str,
    seed: int,
    images: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    gate: dsl.Input[dsl.Artifact],
    store_secret: str,
    promotion_endpoint: str,
    deployer: str,
    namespace: str,
) -> None:
    """Package what the gate accepted, and bring it into service where a server is given.

    Args:
        accepted: "true" where the gate accepted the model.
        reason: What the gate said.
        line_yaml: The product line, as text, with how it is served.
        git_commit: Of the code; a label of the registered model.
        seed: Of the run.
        images: Output of `ingest`.
        model: Output of `statistics`.
        evaluation: Output of `evaluation`.
        gate: Output of `gate`.
        store_secret: Name of the Kubernetes secret with the keys to the store.
        promotion_endpoint: Pipeline server that starts the promotion; "" leaves that to people.
        deployer: Service account of the promotion.
        namespace: Where the model is served.
    """
    with dsl.If(accepted == ACCEPTED, name="accepted"):
        packed = packaging(
            line_yaml=line_yaml,
            git_commit=git_commit,
            seed=seed,
            images=images,
            model=model,
            evaluation=evaluation,
            gate=gate,
        ).set_caching_options(False)
        use_store(place_on_cpu(packed, MEDIUM), store_secret)
        with dsl.If(promotion_endpoint != "", name="promotion"):
            started = promote(
                line_yaml=line_yaml,
                version=packed.outputs["version"],
                reason=reason,
                endpoint=promotion_endpoint,
                service_account=deployer,
                namespace=namespace,
                store_secret=store_secret,
                task_image=TRAIN_IMAGE,
                serve_image=SERVE_IMAGE,
            ).set_caching_options(False)
            ask_server(place_on_cpu(started, SMALL))


@dsl.pipeline(name="release")
def release_here(
    accepted: str,
    line_yaml: str,
    git_commit: str,
    seed: int,
    images: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    gate: dsl.Input[dsl.Artifact],
) -> None:
    """Package what the gate accepted.

    Args:
        accepted: "true" where the gate accepted the model.
        line_yaml: The product line, as text, with how it is served.
        git_commit: Of the code; a label of the registered model.
        seed: Of the run.
        images: Output of `ingest`.
        model: Output of `statistics`.
        evaluation: Output of `evaluation`.
        gate: Output of `gate`.
    """
    with dsl.If(accepted == ACCEPTED, name="accepted"):
        packaging(
            line_yaml=line_yaml,
            git_commit=git_commit,
            seed=seed,
            images=images,
            model=model,
            evaluation=evaluation,
            gate=gate,
        ).set_caching_options(False)
