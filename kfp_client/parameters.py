"""What a run is given: the parameters of the training and promotion pipelines for one product line."""

import subprocess
from pathlib import Path

from csad.config.compact_line import compact_yaml
from csad.config.line import ProductLine, ScheduleSettings
from kfp_client.gpu_nodes import gpu_parameters
from kfp_client.names import STORE_SECRET


def run_yaml(line: ProductLine) -> str:
    """Write what a run has to know of a line: all but when it retrains.

    `ingest` hands each task the sections that it reads, so nothing here trains anything again by itself.
    """
    deploys = ScheduleSettings(deploy=line.schedule.deploy)
    return compact_yaml(line.model_copy(update={"schedule": deploys}))


def data_uri(line: ProductLine) -> str:
    """Where a line's images are: what its schedule names, else what was pushed last."""
    return line.schedule.data or f"store://{line.name}"


def training_parameters(
    line: ProductLine, data: str | None = None, seed: int = 0, force: bool = False, namespace: str | None = None
) -> dict[str, object]:
    """Parameters of a training run on a cluster.

    Args:
        line: Product line.
        data: Address of the images; the line's own unless given.
        seed: Seed of the run.
        force: Run although the last run was of the same data, line, seed and code.
        namespace: Where an accepted model is served; None for what the pipeline was compiled with.
    """
    given = {"line_yaml": run_yaml(line), "data_uri": data or data_uri(line), "seed": seed, "force": force}
    return given | serving_parameters(namespace) | gpu_parameters(line)


def compiled_defaults(line: ProductLine, namespace: str | None = None) -> dict[str, object]:
    """Parameters of a training run that is given none."""
    told = {"line_yaml": run_yaml(line), "data_uri": data_uri(line)}
    return told | serving_parameters(namespace) | gpu_parameters(line)


def serving_parameters(namespace: str | None) -> dict[str, object]:
    """Where models are served, as a parameter; none where the compiled pipeline says it."""
    return {} if namespace is None else {"namespace": namespace}


def promotion_parameters(
    line_yaml: str, version: str, store_secret: str = STORE_SECRET, namespace: str | None = None
) -> dict[str, object]:
    """Parameters of a promotion run.

    Args:
        line_yaml: Product line, as text, with how it is served.
        version: Version of the model in the registry.
        store_secret: Name of the Kubernetes secret with the keys to the store.
        namespace: Where the model is served; None for what the pipeline was compiled with.
    """
    given: dict[str, object] = {"line_yaml": line_yaml, "version": version, "store_secret": store_secret}
    return given | serving_parameters(namespace)


def git_commit() -> str:
    """Commit of this checkout; "unknown" outside of one."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return "unknown"
    asked = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"
