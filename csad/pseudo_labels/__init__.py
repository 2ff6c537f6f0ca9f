"""Semantic pseudo-labels from normal images (paper 3.1): component masks, their groups, label maps.

"The paper" is CSAD, BMVC 2024 (arXiv:2408.15628).
"""
