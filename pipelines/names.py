"""Names that the cluster's manifests and the pipelines agree on."""

NAMESPACE = "csad"
"""Where models are served."""

RUNNER = "csad-pipeline"
"""Service account of training runs."""

DEPLOYER = "csad-deployer"
"""Service account of promotion runs: it alone may deploy."""

STORE_SECRET = "csad-store"
"""Kubernetes secret with the address of the store and the keys to it."""

TRAINING = "csad-training"
PROMOTION = "csad-promotion"
