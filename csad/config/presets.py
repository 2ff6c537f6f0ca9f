r"""Settings that one key of a product line stands for: `method: paper` is CSAD as published (arXiv:2408.15628).

line = ProductLine.from_yaml("name: bottles\nmethod: paper\nlgst: {steps: 100}")
line.lgst.pdn_width, line.lgst.steps  # 128, 100
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Method = Literal["default", "paper"]


@dataclass(frozen=True)
class Choice:
    """One setting of the published method.

    Attributes:
        value: What the paper uses.
        why_ours: Why the default of a line is another.
        unless: Key of the same section that says the same in another way: a file that holds it is left alone.
    """

    value: object
    why_ours: str
    unless: str = ""


ONE_TYPE = "A line may make several products; the paper's rule loses the parts of the rarer ones."
FEW_STEPS = "Two cores; a line is ready in minutes."

PAPER: Mapping[str, Choice] = {
    "images.size": Choice((256, 256), "The aspect ratio is kept, so that round parts stay round.", "area"),
    "images.product_box": Choice("full", "No pixels for the bare background around the product."),
    "images.registration": Choice("none", "A product at any angle is compared best in one pose."),
    "backbone.name": Choice("wide_resnet50_2.tv2_in1k", "The weights come with the installation; no GPU needed."),
    "pseudo_labels.proposals": Choice("foundation", "No foundation models and no GPU needed."),
    "pseudo_labels.component_features": Choice("deep", "Juices of two colours are nearly one point to the network."),
    "pseudo_labels.rotations": Choice(60, "8 angles describe a part as well and take a seventh of the time."),
    "pseudo_labels.bandwidth": Choice(
        15.4, "Derived from the distances between components, whatever the backbone.", "bandwidth_quantile"
    ),
    "pseudo_labels.alpha_counts": Choice("members", "Many small parts in a few images are no class of the product."),
    "pseudo_labels.minimum_image_fraction": Choice(0.5, ONE_TYPE),
    "pseudo_labels.label_clusters": Choice("largest", ONE_TYPE),
    "segmentation.epochs": Choice(120, FEW_STEPS, "steps"),
    "segmentation.labelled_only_fraction": Choice(50 / 120, "The same fraction of the steps, rounded."),
    "segmentation.learning_rate": Choice(0.01, "A decaying rate from a smaller start varies less from seed to seed."),
    "segmentation.schedule": Choice("fixed", "The same seed twice gave +-7 AUROC without averaged weights."),
    "segmentation.lsa_fraction": Choice(1.0, "Half of the labelled images stay as the line shows them."),
    "segmentation.histogram_classes": Choice("components", "The background is a fraction like any other."),
    "histogram.resolution": Choice("input", "Soft fractions lose nothing at a cell per 4 pixels."),
    "histogram.soft": Choice(False, "Soft fractions: 98 to 99 AUROC on juice bottles against 95 to 96 for hard ones."),
    "histogram.square_root": Choice(False, "Small parts count as much as large ones."),
    "histogram.codebook_size": Choice(0, "Visual words are a cheap second opinion where components are hard to find."),
    "histogram.covariance": Choice("pseudo_inverse", "A class never seen in a cell must not score 0 there."),
    "histogram.per_type": Choice(False, ONE_TYPE),
    "histogram.copies": Choice(False, "A turned lamp or a shift of a few pixels must not make good products odd."),
    "lgst.global_student": Choice("autoencoder", "Principal components take seconds and did better on juice bottles."),
    "lgst.local_student": Choice("pdn", "A memory bank takes seconds and no training."),
    "lgst.steps": Choice(60_000, FEW_STEPS),
    "lgst.learning_rate": Choice(2e-4, "Fewer steps need a larger rate."),
    "lgst.grid": Choice((56, 56), "A cell per 8 pixels follows the input's aspect ratio."),
    "lgst.pdn_width": Choice(128, "Half the width trains in a quarter of the time."),
    "lgst.window": Choice(256, "A part of the image per step buys more steps in the same time."),
    "lgst.average": Choice(0.0, "Averaged weights vary less from seed to seed."),
    "lgst.penalty": Choice("packaged", "Nothing to download: penalty images are made from the product's own."),
    "lgst.score": Choice("mean_map", "Each student is weighed by what it tells apart on this line."),
    "fusion.weighting": Choice("equal", "A branch that finds nothing must not drown one that does."),
    "fusion.maps": Choice("average", "Only significant differences are shown to people."),
}
"""What `method: paper` sets, by section and key. The dictionary is the one source of docs/reproducing-the-paper.md."""

PRESETS: Mapping[str, Mapping[str, Choice]] = {"default": {}, "paper": PAPER}


def with_preset(values: Mapping[str, Any]) -> dict[str, Any]:
    """Put the values of a line's `method` under its own.

    Args:
        values: Values as a file holds them; sections may be mappings or settings, which count as they are.

    Returns:
        The same with every key that the method sets and the file does not.
    """
    merged = dict(values)
    method = merged.get("method")
    # Anything else is refused with the known methods by the line itself.
    for dotted, choice in (PRESETS.get(method, {}) if isinstance(method, str) else {}).items():
        section, key = dotted.split(".")
        own = merged.get(section, {})
        if isinstance(own, Mapping) and choice.unless not in own:
            merged[section] = {key: choice.value, **own}
    return merged
