"""For users: `from csad.scorer import Scorer`."""

from csad.scoring.scorer import Score, Scorer

__all__ = ["Score", "Scorer"]
