"""Component `tagging`: an adapter of `csad.stages.tagging`."""

from components.tagging.component import tagging as tagging
