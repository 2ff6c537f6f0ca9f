"""Component `gathering`: an adapter of `csad.batch.gathering`."""

from components.gathering.component import gathering as gathering
