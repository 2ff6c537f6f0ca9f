"""The students of the paper (3.4): autoencoder and patch networks, and their training.

"The paper" is CSAD, BMVC 2024 (arXiv:2408.15628).
"""
