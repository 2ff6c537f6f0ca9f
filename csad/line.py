"""For users: `from csad.line import ProductLine`."""

from csad.config.line import ProductLine

__all__ = ["ProductLine"]
