"""Logical and structural defects, learnt from good images only (CSAD, BMVC 2024)."""

import os

# Read when torch is loaded, so it is set before. Threads that wait must not spin: on a shared machine, or within a
# container's quota, spinning costs many times the work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
