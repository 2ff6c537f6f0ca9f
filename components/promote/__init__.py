"""Component `promote`: an adapter of `kfp_client.submission`."""

from components.promote.component import promote as promote
