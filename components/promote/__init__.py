"""Component `promote`: an adapter of `pipelines.submission`."""

from components.promote.component import promote as promote
