"""Component `lgst`: an adapter of `csad.stages.lgst`."""

from components.lgst.component import lgst as lgst
