"""Component `listing`: an adapter of `csad.batch.listing`."""

from components.listing.component import listing as listing
