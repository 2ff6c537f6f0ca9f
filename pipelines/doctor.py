"""Finds out before a run starts why it would hang or fail on a cluster."""

import os
import re
from dataclasses import replace
from pathlib import Path

from csad.common.errors import DeploymentError
from csad.config.line import ProductLine
from csad.deployment.cluster import Cluster, Kind
from kfp_client.names import NAMESPACE as SERVED
from kfp_client.server import NAMESPACE, PipelineServerError
from kfp_client.server_runs import STANDALONE, RunServer
from pipelines.demands import Demands, read_demands
from pipelines.doctor_images import check_images
from pipelines.doctor_namespaces import Places, check_namespaces
from pipelines.doctor_nodes import check_accelerators, check_capacity, images_on_nodes, usable_nodes
from pipelines.doctor_report import DoctorReport, Finding
from pipelines.doctor_volumes import check_claims

OLDEST = (2, 5)
"""Kubeflow Pipelines before it does not know what the compiled files ask for."""
TRIED = (2, 17)


def diagnose(
    endpoint: str | None,
    kfp_namespace: str | None,
    serving: str | None,
    packages: list[Path],
    line: ProductLine | None = None,
    weights_claim: str = "",
) -> DoctorReport:
    """Check server, namespaces, accounts, rights, secrets, images, nodes, volumes; what cannot be asked is unknown.

    Args:
        endpoint: Endpoint of the pipeline server; that of KFP_ENDPOINT unless given.
        kfp_namespace: Namespace of the user, where the server has several; that of KFP_NAMESPACE unless given.
        serving: Namespace of the models; unless given, the user's where the server has several, else what the pipelines
            were compiled with.
        packages: Compiled pipelines.
        line: Its model's pods are counted, too.
        weights_claim: PersistentVolumeClaim that runs will mount beside those of the compiled pipelines; "" for none.

    Raises:
        PipelineServerError: A compiled pipeline is none.
    """
    demands = read_demands(packages, line)
    if weights_claim:
        demands = replace(demands, claims={weights_claim: (), **demands.claims})
    user = kfp_namespace or os.environ.get(NAMESPACE) or None
    findings, several = _server(endpoint, user)
    runs = user or STANDALONE
    places = Places(runs, serving or (runs if several else demands.namespace or SERVED), several)
    return DoctorReport(tuple(findings + _cluster(places, demands)))


def check_version(tag: str) -> Finding:
    """Compare the server's version with those that are known to work."""
    match = re.match(r"v?(\d+)\.(\d+)", tag)
    if match is None:
        return Finding("unknown", f"version of the pipeline server: it says {tag!r}")
    version = (int(match[1]), int(match[2]))
    if version < OLDEST:
        mend = "upgrade Kubeflow Pipelines: kubectl apply -k as its installation guide says"
        return Finding("missing", f"the pipeline server is {tag}; at least {OLDEST[0]}.{OLDEST[1]} is needed", mend)
    if version != TRIED:
        return Finding("unknown", f"the pipeline server is {tag}; csad was tried with {TRIED[0]}.{TRIED[1]}")
    return Finding("ok", f"the pipeline server is {tag}")


def _server(endpoint: str | None, user: str | None) -> tuple[list[Finding], bool]:
    try:
        about = RunServer.connect(endpoint, user).about()
    except PipelineServerError as error:
        return [Finding("missing", str(error), ". ./kfp.env, and forward the port as it says")], False
    several = bool(about.get("multi_user"))
    found = [check_version(str(about.get("tag_name") or ""))]
    if several and not user:
        what = "the pipeline server has several users, and it is not said whose namespace is meant"
        found.append(Finding("missing", what, f"export {NAMESPACE}=NAME"))
    if user and not several:
        what = f"a namespace {user} is given, but the pipeline server keeps all runs in its own"
        found.append(Finding("missing", what, f"unset {NAMESPACE}, and give no --kfp-namespace"))
    return found, several


def _cluster(places: Places, demands: Demands) -> list[Finding]:
    try:
        clusters = {name: Cluster.connect(name) for name in places.both}
        found = check_namespaces(clusters, places)
    except DeploymentError as error:
        what = f"namespaces, accounts, rights, secrets, images, nodes and volumes: {error}"
        return [Finding("unknown", what, "export KUBECONFIG=FILE")]
    try:
        nodes = clusters[places.runs].select(Kind.NODE)
    except DeploymentError as error:
        found += [Finding("unknown", f"nodes: {error}"), *check_images(dict.fromkeys(demands.images))]
        return found + check_claims(clusters[places.runs], demands.claims, None)
    found += check_claims(clusters[places.runs], demands.claims, len(usable_nodes(nodes)))
    found += check_capacity(demands.pods, nodes) + check_accelerators(demands.pods, nodes)
    return found + check_images(images_on_nodes(sorted(demands.images), nodes))
