"""Figures from scores, maps and ground truth: AUROC, sPRO (doi:10.1007/s11263-022-01578-9), thresholds.

"The paper" is CSAD, BMVC 2024 (arXiv:2408.15628).
"""
