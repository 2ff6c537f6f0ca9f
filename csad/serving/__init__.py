"""Scoring over HTTP: a BentoML service around the one `csad.scoring.scorer.Scorer`."""
