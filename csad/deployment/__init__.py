"""Bringing a registered version into service on Kubernetes, and back."""
