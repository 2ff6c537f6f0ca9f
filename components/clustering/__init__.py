"""Component `clustering`: an adapter of `csad.stages.clustering`."""

from components.clustering.component import clustering as clustering
