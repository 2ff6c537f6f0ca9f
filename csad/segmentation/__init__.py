"""The light component segmentation network that learns the pseudo-labels (paper 3.2).

"The paper" is CSAD, BMVC 2024 (arXiv:2408.15628).
"""
