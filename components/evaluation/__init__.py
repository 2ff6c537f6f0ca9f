"""Component `evaluation`: an adapter of `csad.stages.evaluation`."""

from components.evaluation.component import evaluation as evaluation
