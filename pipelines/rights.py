"""What the service accounts of runs must be allowed to do; the same as in the Roles of manifests/base."""

from csad.deployment.cluster_access import Right

NEEDED_TO_RUN = (
    Right("create", "workflowtaskresults", "argoproj.io"),
    Right("patch", "workflowtaskresults", "argoproj.io"),
    Right("get", "pods"),
    Right("get", "configmaps", name="kfp-launcher"),
    Right("get", "secrets", name="mlpipeline-minio-artifact"),
)
"""By both accounts, where runs are started."""

NEEDED_TO_DEPLOY = (
    *(Right(verb, "deployments", "apps") for verb in ("get", "list", "create", "patch", "delete")),
    *(Right(verb, "deployments/scale", "apps") for verb in ("get", "patch")),
    *(Right(verb, "replicasets", "apps") for verb in ("get", "list")),
    *(Right(verb, "services") for verb in ("get", "list", "create", "patch", "delete")),
    *(Right(verb, "pods") for verb in ("get", "list")),
    Right("get", "pods/log"),
    Right("list", "events"),
    *(
        Right(verb, resource, group)
        for resource, group in (
            ("horizontalpodautoscalers", "autoscaling"),
            ("poddisruptionbudgets", "policy"),
            ("networkpolicies", "networking.k8s.io"),
            ("servicemonitors", "monitoring.coreos.com"),
        )
        for verb in ("get", "create", "patch", "delete")
    ),
    *(Right(verb, "leases", "coordination.k8s.io") for verb in ("get", "create", "update", "delete")),
)
"""By the deployer, where models are served."""
