"""The scoring path: branches, their fusion, the anomaly map, the model folder, the scorer (paper 3.3 to 3.5).

"The paper" is CSAD, BMVC 2024 (arXiv:2408.15628).
"""
