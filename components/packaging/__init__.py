"""Component `packaging`: an adapter of `csad.delivery.packaging`."""

from components.packaging.component import packaging as packaging
