"""What a run is given: the parameters of the training and promotion pipelines for one product line."""

import subprocess
from pathlib import Path

import yaml

from csad.line import ProductLine
from csad.stages.share import Share
from pipelines.names import IN_CLUSTER_ENDPOINT, NAMESPACE, STORE_SECRET

NOT_TRAINED = frozenset({"deployment", "gate", "schedule"})
"""Sections that change no score: a cached result must not depend on them."""


def training_yaml(line: ProductLine) -> str:
    """Write what makes the scorer of a line: the same text for the same settings, whatever the file looks like.

    KFP's cache looks at this text; comments, left-out defaults and schedules must not train anything again.
    """
    return _compact(line, NOT_TRAINED)


def release_yaml(line: ProductLine) -> str:
    """Write what decides about a trained model too: the gate's limits, and how it is served."""
    return _compact(line, frozenset({"schedule"}))


def data_uri(line: ProductLine) -> str:
    """Where a line's images are: what its schedule names, else what was pushed last."""
    return line.schedule.data or f"store://{line.name}"


def training_parameters(line: ProductLine, data: str | None = None, seed: int = 0) -> dict[str, object]:
    """Parameters of a training run on a cluster.

    Args:
        line: Product line.
        data: Address of the images; the line's own unless given.
        seed: Seed of the run.
    """
    return {
        "line_yaml": training_yaml(line),
        "release_yaml": release_yaml(line),
        "data_uri": data or data_uri(line),
        "seed": seed,
        "mask_shares": Share.all(line.schedule.mask_shards),
        "git_commit": git_commit(),
        "promotion_endpoint": IN_CLUSTER_ENDPOINT if line.schedule.deploy else "",
    }


def compiled_defaults(line: ProductLine) -> dict[str, object]:
    """Parameters of a training run that is given none."""
    return {"line_yaml": training_yaml(line), "release_yaml": release_yaml(line), "data_uri": data_uri(line)}


def promotion_parameters(
    line_yaml: str, version: str, store_secret: str = STORE_SECRET, namespace: str = NAMESPACE
) -> dict[str, object]:
    """Parameters of a promotion run.

    Args:
        line_yaml: Product line, as text, with how it is served.
        version: Of the model in the registry.
        store_secret: Name of the Kubernetes secret with the keys to the store.
        namespace: Where the model is served.
    """
    return {"line_yaml": line_yaml, "version": version, "store_secret": store_secret, "namespace": namespace}


def git_commit() -> str:
    """Commit of this checkout; "unknown" outside of one."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return "unknown"
    asked = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def _compact(line: ProductLine, leave_out: frozenset[str]) -> str:
    values = line.model_dump(mode="json", exclude_defaults=True, exclude=set(leave_out))
    # One line: the compiler writes defaults into a comment, and does not mark its second line as one.
    return yaml.safe_dump(values, sort_keys=True, allow_unicode=False, default_flow_style=True, width=2**31).strip()
