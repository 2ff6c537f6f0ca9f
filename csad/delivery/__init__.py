"""From a trained model to an endpoint: the gate, the Bento, the deployment."""
