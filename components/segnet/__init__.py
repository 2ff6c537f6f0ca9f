"""Component `segnet`: an adapter of `csad.stages.segnet`."""

from components.segnet.component import segnet as segnet
