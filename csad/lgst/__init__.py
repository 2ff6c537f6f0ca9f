"""Local-global student-teacher branch (paper 3.4)."""
