"""RAM++, the tagging model, for inference only (Huang et al. 2023, arXiv:2310.15200; paper 3.1)."""
