"""From trained parts to a model, on good images alone: scales, weights, threshold (paper 3.5).

"The paper" is CSAD, BMVC 2024 (arXiv:2408.15628).
"""
