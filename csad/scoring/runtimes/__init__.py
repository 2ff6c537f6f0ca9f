"""What computes a model's outputs: torch, the reference, or the exported graph in ONNX Runtime or OpenVINO."""
