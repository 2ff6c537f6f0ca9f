"""The students of the paper (3.4): autoencoder and patch networks, and their training."""
