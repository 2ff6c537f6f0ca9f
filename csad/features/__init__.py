"""What an image looks like to frozen networks: the backbone, its pyramid, visual words (paper 3.2, 3.4).

"The paper" is CSAD, BMVC 2024 (arXiv:2408.15628).
"""
