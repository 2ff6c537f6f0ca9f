"""Component `release`: an adapter of `csad.packaging.release`."""

from components.release.component import release as release
