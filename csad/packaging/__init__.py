"""From an accepted model to an archive that a serving pod fetches, checked by running it."""
