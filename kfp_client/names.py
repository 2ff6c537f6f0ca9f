"""Names that the cluster's manifests and the pipelines agree on."""

NAMESPACE = "csad"
"""Where models are served."""

RUNNER = "csad-pipeline"
"""Service account of training runs."""

DEPLOYER = "csad-deployer"
"""Service account of promotion runs: it alone may deploy."""

STORE_SECRET = "csad-store"
"""Kubernetes secret with the address of the store and the keys to it."""

TOKEN_SECRET = "csad-token"
"""Kubernetes secret with the token that clients of a service must send; without it none is asked for."""

TRAINING = "csad-training"
PROMOTION = "csad-promotion"
BATCH = "csad-batch"

IN_CLUSTER_ENDPOINT = "http://ml-pipeline.kubeflow.svc.cluster.local:8888"
"""Where the pods of a run reach the pipeline server."""
