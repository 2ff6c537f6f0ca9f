"""What talks to a Kubeflow Pipelines server: names, parameters, the server, submitting a run."""
