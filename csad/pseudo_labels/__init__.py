"""Semantic pseudo-labels from normal images (paper 3.1): component masks, their groups, label maps."""
