"""Component `packaging`: an adapter of `csad.packaging.packaging`."""

from components.packaging.component import packaging as packaging
