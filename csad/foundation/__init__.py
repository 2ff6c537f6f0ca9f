"""Pretrained networks of the pseudo-labels: RAM++ tags, Grounding DINO boxes, SAM-HQ masks (paper 3.1).

"The paper" is CSAD, BMVC 2024 (arXiv:2408.15628).
"""
