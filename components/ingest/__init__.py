"""Component `ingest`: an adapter of `csad.stages.ingest`."""

from components.ingest.component import ingest as ingest
