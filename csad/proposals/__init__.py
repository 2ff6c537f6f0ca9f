"""Who proposes the component masks of an image (paper 3.1), and the rules after it.

"The paper" is CSAD, BMVC 2024 (arXiv:2408.15628).
"""
