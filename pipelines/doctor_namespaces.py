"""Whether the namespaces of runs and of models hold what both need: accounts, roles, the store's secret."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from csad.common.errors import DeploymentError
from csad.deployment.cluster import Cluster, Kind, Object
from csad.deployment.cluster_access import Right, account_may
from kfp_client.names import DEPLOYER, RUNNER, STORE_SECRET
from pipelines.doctor_report import Finding
from pipelines.resources import STORE_VARIABLES
from pipelines.rights import NEEDED_TO_DEPLOY, NEEDED_TO_RUN


@dataclass(frozen=True)
class Places:
    """Where runs are started and models served.

    Attributes:
        runs: Namespace of the pods of runs.
        serving: Namespace of the models.
        several_users: Whether the pipeline server has a namespace per user.
    """

    runs: str
    serving: str
    several_users: bool = False

    @property
    def both(self) -> tuple[str, ...]:
        """The namespaces, each once, that of the models first."""
        return tuple(dict.fromkeys((self.serving, self.runs)))

    def apply(self) -> str:
        """The command that makes accounts and roles."""
        if self.serving == self.runs == "csad" and not self.several_users:
            return "kubectl apply -k manifests/overlays/dev  # or external-s3"
        if self.serving == self.runs:
            name = f"sed s/kubeflow-user-example-com/{self.runs}/"
            return f"kubectl kustomize manifests/overlays/profile | {name} | kubectl apply -f -"
        if (self.runs, self.serving) == ("kubeflow", "csad"):
            return "kubectl apply -k manifests/overlays/standalone  # or standalone-external-s3"
        models = f"s/space: csad$/space: {self.serving}/; s/^  name: csad$/  name: {self.serving}/"
        names = f"sed 's/: kubeflow$/: {self.runs}/; {models}'"
        return f"kubectl kustomize manifests/overlays/standalone | {names} | kubectl apply -f -"

    def secret(self) -> str:
        """The command that makes the store's secret."""
        named = " ".join(f"--namespace {name}" for name in self.both)
        return f"manifests/store-secret --endpoint URL {named}  # or --new-keys for the store of the overlay"


def check_namespaces(clusters: dict[str, Cluster], places: Places) -> list[Finding]:
    """Look for namespaces, accounts, roles and secrets.

    Args:
        clusters: Connection by namespace.
        places: Which namespace is for what.

    Raises:
        DeploymentError: The cluster does not answer.
    """
    found: list[Finding] = []
    there = [name for name in places.both if _exists(clusters[name], Kind.NAMESPACE, name, found, places.apply())]
    if places.runs in there:
        for account in (RUNNER, DEPLOYER):
            _exists(clusters[places.runs], Kind.SERVICE_ACCOUNT, account, found, places.apply())
            found.append(_may(clusters[places.runs], account, places.runs, NEEDED_TO_RUN, places))
    if places.serving in there:
        found.append(_may(clusters[places.serving], DEPLOYER, places.runs, NEEDED_TO_DEPLOY, places))
    return found + check_secrets({name: clusters[name] for name in there}, places)


def check_secrets(clusters: dict[str, Cluster], places: Places) -> list[Finding]:
    """Look at the store's secret in each namespace, and compare them; no value is ever shown but address and bucket."""
    found: list[Finding] = []
    values: dict[str, dict[str, str]] = {}
    for name, cluster in clusters.items():
        try:
            secret = cluster.find(Kind.SECRET, STORE_SECRET)
        except DeploymentError as error:
            found.append(Finding("unknown", f"secret {STORE_SECRET} in namespace {name}: {error}"))
            continue
        data = (secret or {}).get("data") or {}
        missing = [key for key in STORE_VARIABLES if not data.get(key)]
        if secret is None:
            what = (
                f"no secret {STORE_SECRET} in namespace {name}: pods would wait in CreateContainerConfigError for ever"
            )
            found.append(Finding("missing", what, places.secret()))
        elif missing:
            what = f"secret {STORE_SECRET} in namespace {name} has no key {', '.join(missing)}"
            found.append(Finding("missing", what, places.secret()))
        else:
            values[name] = {key: base64.b64decode(data[key]).decode(errors="replace") for key in ("endpoint", "bucket")}
            found.append(_address(cluster, name, values[name]["endpoint"], places))
    buckets = {one["bucket"] for one in values.values()}
    if len(buckets) > 1:
        what = f"the secrets name different buckets, {', '.join(sorted(buckets))}: what a run registers is not found"
        found.append(Finding("missing", what, places.secret()))
    return found


def _address(cluster: Cluster, namespace: str, endpoint: str, places: Places) -> Finding:
    """A name without a dot is that of a Service of the same namespace."""
    host = urlsplit(endpoint).hostname or ""
    if host and "." not in host and cluster.find(Kind.SERVICE, host) is None:
        what = f"secret {STORE_SECRET} in namespace {namespace} names {endpoint}, but no Service {host} is there"
        return Finding("missing", what, places.secret())
    return Finding("ok", f"secret {STORE_SECRET} in namespace {namespace} names {endpoint}")


def _exists(cluster: Cluster, kind: Kind, name: str, found: list[Finding], mend: str) -> bool:
    where = "" if kind is Kind.NAMESPACE else f" in namespace {cluster.namespace}"
    what = f"{kind.value.kind} {name}{where}"
    try:
        there: Object | None = cluster.find(kind, name)
    except DeploymentError as error:
        found.append(Finding("unknown", f"{what}: {error}"))
        return True
    found.append(Finding("ok", what) if there else Finding("missing", f"no {what}", mend))
    return there is not None


def _may(cluster: Cluster, account: str, of_namespace: str, rights: Sequence[Right], places: Places) -> Finding:
    answers = {right: account_may(cluster, account, of_namespace, right) for right in rights}
    who = f"account {account} of {of_namespace}"
    refused = [str(right) for right, answer in answers.items() if answer is False]
    if refused:
        more = f" and {len(refused) - 3} more" if len(refused) > 3 else ""
        what = f"{who} may not {', '.join(refused[:3])}{more} in namespace {cluster.namespace}"
        return Finding("missing", what, places.apply())
    if None in answers.values():
        return Finding("unknown", f"rights of {who} in namespace {cluster.namespace}: you may not ask about them")
    return Finding("ok", f"{who} may do its work in namespace {cluster.namespace} ({len(rights)} rights)")
