"""Figures from scores, maps and ground truth: AUROC, sPRO, thresholds."""
