"""Component `scoring`: an adapter of `csad.batch.shard`."""

from components.scoring.component import scoring as scoring
