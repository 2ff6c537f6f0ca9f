"""Single runs: training of a line, promotion of a version, batch scoring."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from csad.config.line import ProductLine
from kfp_client.names import RUNNER, STORE_SECRET
from kfp_client.parameters import promotion_parameters, run_yaml, training_parameters
from kfp_client.server import Server


@dataclass(frozen=True)
class StartedRun:
    """A run on the server.

    Attributes:
        run: Its id.
        experiment: Name of its experiment: the line's.
        version: Name of the pipeline version.
        address: Its page.
    """

    run: str
    experiment: str
    version: str
    address: str


def submit_training(
    server: Server,
    line: ProductLine,
    package: Path,
    data: str | None,
    seed: int,
    force: bool = False,
    service_account: str | None = RUNNER,
    namespace: str | None = None,
) -> StartedRun:
    """Upload the pipeline where the server does not have it, and start a training run.

    Args:
        server: Where.
        line: Product line.
        package: Compiled training pipeline.
        data: Address of the images; the line's own unless given.
        seed: Seed of the run.
        force: Run although the last run was of the same data, line, seed and code.
        service_account: Service account of the run; None for the server's own choice.
        namespace: Where an accepted model is served; the user's own where the server has several, else what the
            pipeline was compiled with.

    Raises:
        PipelineServerError: The server refuses.
    """
    parameters = training_parameters(line, data, seed, force, server.serving_namespace(namespace))
    version = server.upload(package)
    run = server.run(version, line.name, _run_name(line.name), parameters, service_account)
    return StartedRun(run, line.name, version.name, _address(server, run))


def submit_promotion(
    server: Server,
    line: ProductLine,
    version: str,
    package: Path,
    service_account: str,
    store_secret: str = STORE_SECRET,
    namespace: str | None = None,
) -> StartedRun:
    """Upload the promotion pipeline where the server does not have it, and start it for a version.

    Args:
        server: Where.
        line: Product line; `line.deployment` says how it is served.
        version: Registered version.
        package: Compiled promotion pipeline.
        service_account: Service account of the run.
        store_secret: Name of the Kubernetes secret with the keys to the store.
        namespace: Where the model is served; the user's own where the server has several, else what the pipeline was
            compiled with.

    Raises:
        PipelineServerError: The server refuses.
    """
    parameters = promotion_parameters(run_yaml(line), version, store_secret, server.serving_namespace(namespace))
    uploaded = server.upload(package)
    run = server.run(uploaded, line.name, _run_name(f"{line.name}-promotion"), parameters, service_account)
    return StartedRun(run, line.name, uploaded.name, _address(server, run))


def submit_batch(
    server: Server,
    line: ProductLine,
    package: Path,
    parameters: dict[str, object],
    service_account: str | None = RUNNER,
) -> StartedRun:
    """Upload the batch pipeline where the server does not have it, and start it.

    Args:
        server: Where.
        line: Product line whose model scores.
        package: Compiled batch pipeline.
        parameters: Those of `pipelines.batch`.
        service_account: Service account of the run; None for the server's own choice.

    Raises:
        PipelineServerError: The server refuses.
    """
    uploaded = server.upload(package)
    run = server.run(uploaded, line.name, _run_name(f"{line.name}-batch"), parameters, service_account)
    return StartedRun(run, line.name, uploaded.name, _address(server, run))


def _run_name(what: str) -> str:
    return f"{what} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


def _address(server: Server, run: str) -> str:
    return f"{server.endpoint.rstrip('/')}/#/runs/details/{run}"
