"""Single runs: training of a line, and promotion of a version."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from csad.config.line import ProductLine
from kfp_client.names import PROMOTION, RUNNER
from kfp_client.parameters import promotion_parameters, release_yaml, training_parameters
from kfp_client.server import Server

PROMOTION_FILE = "promotion.yaml"


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
    server: Server, line: ProductLine, package: Path, data: str | None, seed: int, service_account: str | None = RUNNER
) -> StartedRun:
    """Upload the pipeline where the server does not have it, and start a training run.

    Args:
        server: Where.
        line: Product line.
        package: Compiled training pipeline.
        data: Address of the images; the line's own unless given.
        seed: Seed of the run.
        service_account: Of the run; None for the server's own choice.

    Raises:
        PipelineServerError: The server refuses.
    """
    version = server.upload(package)
    if line.schedule.deploy:
        server.upload(package.with_name(PROMOTION_FILE))
    parameters = training_parameters(line, data, seed)
    run = server.run(version, line.name, _run_name(line.name), parameters, service_account)
    return StartedRun(run, line.name, version.name, _address(server, run))


def submit_promotion(
    server: Server, line: ProductLine, version: str, package: Path, service_account: str
) -> StartedRun:
    """Upload the promotion pipeline where the server does not have it, and start it for a version.

    Args:
        server: Where.
        line: Product line; `line.deployment` says how it is served.
        version: Registered version.
        package: Compiled promotion pipeline.
        service_account: Of the run.

    Raises:
        PipelineServerError: The server refuses.
    """
    uploaded = server.upload(package)
    parameters = promotion_parameters(release_yaml(line), version)
    run = server.run(uploaded, line.name, _run_name(f"{line.name}-promotion"), parameters, service_account)
    return StartedRun(run, line.name, uploaded.name, _address(server, run))


def start_promotion(endpoint: str, line: str, parameters: dict[str, object], service_account: str) -> str:
    """Start the promotion pipeline that was uploaded last, and return the id of the run.

    Args:
        endpoint: Of the server.
        line: Name of the product line.
        parameters: Of the promotion pipeline.
        service_account: Of the run.

    Raises:
        PipelineServerError: The server has no promotion pipeline, or refuses.
    """
    server = Server.connect(endpoint)
    name = _run_name(f"{line}-promotion")
    return server.run(server.latest(PROMOTION), line, name, parameters, service_account)


def _run_name(what: str) -> str:
    return f"{what} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


def _address(server: Server, run: str) -> str:
    return f"{server.endpoint.rstrip('/')}/#/runs/details/{run}"
