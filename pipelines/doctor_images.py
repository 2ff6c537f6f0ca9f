"""Whether a cluster can get the images of the pipelines: from its nodes, or from their registry."""

from collections.abc import Callable

import certifi
import urllib3
from urllib3.exceptions import HTTPError

from pipelines.doctor_report import Finding

SECONDS = 5.0
ACCEPTED = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
PUSH = "make push REGISTRY=registry.example.com/csad && python -m pipelines compile"


def check_images(on_nodes: dict[str, bool | None], ask: Callable[[str], bool | None] | None = None) -> list[Finding]:
    """Say for each image whether pods can start from it.

    Args:
        on_nodes: Reference -> whether every node has it; None where nodes do not say.
        ask: Asks the registry that a reference names; None for no answer.
    """
    return [_finding(image, there, ask or in_registry) for image, there in sorted(on_nodes.items())]


def in_registry(reference: str) -> bool | None:
    """Ask a registry for an image, without a login; None where it does not answer or asks for one."""
    host, path, tag = split_reference(reference)
    url = f"https://{host}/v2/{path}/manifests/{tag}"
    try:
        with urllib3.PoolManager(ca_certs=certifi.where(), retries=False, timeout=SECONDS) as pool:
            status = pool.request("HEAD", url, headers={"Accept": ACCEPTED}).status
    except HTTPError:
        return None
    return {200: True, 404: False}.get(status)


def has_registry(reference: str) -> bool:
    """Whether a reference names the server that it comes from."""
    head, slash, _ = reference.partition("/")
    return bool(slash) and ("." in head or ":" in head or head == "localhost")


def split_reference(reference: str) -> tuple[str, str, str]:
    """Take registry.example.com/csad/csad-train@sha256:... apart: server, name, digest or tag."""
    host, _, rest = reference.partition("/")
    path, at, digest = rest.partition("@")
    if at:
        return host, path.partition(":")[0], digest
    path, _, tag = rest.partition(":")
    return host, path, tag or "latest"


def _finding(image: str, there: bool | None, ask: Callable[[str], bool | None]) -> Finding:
    if there:
        return Finding("ok", f"image {image} is on every node")
    if not has_registry(image):
        where = "and is not on every node" if there is False else "and nodes do not say whether they have it"
        status = "missing" if there is False else "unknown"
        return Finding(status, f"image {image} names no registry {where}", PUSH)
    answer = ask(image)
    if answer:
        return Finding("ok", f"image {image} is in its registry")
    if answer is False:
        return Finding("missing", f"image {image} is not in its registry", PUSH)
    return Finding("unknown", f"image {image}: its registry does not answer this machine, or wants a login")
