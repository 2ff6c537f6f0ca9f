"""What is unusual about an image, in words and on the map: numpy alone, so that every runtime explains itself."""

from csad.scoring.explainers.components import ComponentExplainer
from csad.scoring.explainers.protocol import Explainer, Explanation, Outputs

EXPLAINERS = {ComponentExplainer.kind: ComponentExplainer}
"""Explainers of stored models by the kind of their branch; other branches explain nothing without torch."""

__all__ = ["EXPLAINERS", "ComponentExplainer", "Explainer", "Explanation", "Outputs"]
