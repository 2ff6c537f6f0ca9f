"""Kubeflow pipelines: compile them, run them here (`python -m pipelines`)."""
