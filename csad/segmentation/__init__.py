"""The light component segmentation network that learns the pseudo-labels (paper 3.2)."""
