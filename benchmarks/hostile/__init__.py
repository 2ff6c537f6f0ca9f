"""Hostile requests: broken HTTP, broken forms, broken JSON and broken images, the same ones for the same seed.

They go to the address given, which is to be a server of one's own on this machine. The number is bounded.
"""

from benchmarks.hostile.requests import UNFINISHED, Hostile, hostile_requests
from benchmarks.hostile.sending import Reply, send

__all__ = ["UNFINISHED", "Hostile", "Reply", "hostile_requests", "send"]
