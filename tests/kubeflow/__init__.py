"""Cases for any Kubeflow: on the stand-in server on every change, on a real one with `make test-kubeflow`."""
