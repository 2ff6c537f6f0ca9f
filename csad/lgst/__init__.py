"""Local-global student-teacher branch (paper 3.4).

"The paper" is CSAD, BMVC 2024 (arXiv:2408.15628).
"""
