"""Scoring over HTTP: a BentoML service around the one `csad.scorer.Scorer`."""
