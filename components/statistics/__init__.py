"""Component `statistics`: an adapter of `csad.stages.statistics`."""

from components.statistics.component import statistics as statistics
