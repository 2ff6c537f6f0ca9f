"""Component `masks`: an adapter of `csad.stages.masks`."""

from components.masks.component import masks as masks
