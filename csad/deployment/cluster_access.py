"""Asking a cluster who may do what, in the words of its Roles."""

from dataclasses import dataclass

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from csad.deployment.cluster import Cluster


@dataclass(frozen=True)
class Right:
    """One thing that somebody may do in a namespace.

    Attributes:
        verb: Such as get.
        resource: Such as pods, or pods/log.
        group: API group; "" is Kubernetes' own.
        name: Name of the only object that it is about; "" for all.
    """

    verb: str
    resource: str
    group: str = ""
    name: str = ""

    def __str__(self) -> str:
        """The right in the form that `kubectl auth can-i` takes."""
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {what}" + (f"/{self.name}" if self.name else "")


def account_may(cluster: Cluster, account: str, of_namespace: str, right: Right) -> bool | None:
    """Whether a service account may do something in the cluster's namespace.

    Args:
        cluster: Connected to the namespace in which it would be done.
        account: Name of the service account.
        of_namespace: Where the account is.
        right: What.

    Returns:
        None where this user may not ask, or nobody answers.
    """
    resource, _, below = right.resource.partition("/")
    asked = client.V1ResourceAttributes(
        namespace=cluster.namespace,
        verb=right.verb,
        group=right.group,
        resource=resource,
        subresource=below or None,
        name=right.name or None,
    )
    user = f"system:serviceaccount:{of_namespace}:{account}"
    review = client.V1SubjectAccessReview(
        spec=client.V1SubjectAccessReviewSpec(
            user=user,
            groups=["system:serviceaccounts", f"system:serviceaccounts:{of_namespace}", "system:authenticated"],
            resource_attributes=asked,
        )
    )
    try:
        answer = client.AuthorizationV1Api(cluster.api).create_subject_access_review(review)
    except (ApiException, HTTPError):
        return None
    return bool(answer.status.allowed)
