"""The sections of a product line: every setting with its meaning, its limits and a default that needs no tuning.

The descriptions become the comments of the file that `csad line new` writes.
"""

import re
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from csad.config.branch_settings import (
    FusionSettings,
    HistogramSettings,
    LgstSettings,
    LossWeights,
    SegmentationSettings,
)
from csad.config.proposer_names import known_proposers
from csad.config.setting_types import Fraction, PositiveFraction, Settings, Side
from csad.config.weights_address import WeightsPlace

__all__ = [
    "MAXIMUM_DEPTH",
    "MAX_PIXELS",
    "BackboneSettings",
    "DeploymentSettings",
    "FoundationSettings",
    "FusionSettings",
    "GateSettings",
    "HistogramSettings",
    "ImageSettings",
    "LgstSettings",
    "LossWeights",
    "PseudoLabelSettings",
    "SegmentationSettings",
    "Settings",
    "TagGroup",
    "TagSettings",
    "ThresholdSettings",
]

Box = tuple[Fraction, Fraction, Fraction, Fraction]
TagGroup = Literal[
    "action", "property", "colour", "material", "background", "picture", "abstract", "collective", "container"
]
MAX_PIXELS = 100_000_000
MAXIMUM_DEPTH = 12
"""Levels of folders of images, or of a stage's files, that are looked into."""


class ImageSettings(Settings):
    """Which images are accepted and how they reach the network."""

    max_bad_fraction: Fraction = Field(
        default=0.01,
        description="Unreadable images are skipped up to this fraction of all files; above it nothing starts.",
    )
    max_pixels: int = Field(
        default=MAX_PIXELS,
        gt=0,
        le=178_956_970,
        description="Larger images are refused from their header, before they fill the memory.",
    )
    validation_fraction: PositiveFraction = Field(
        default=0.2,
        description="Fraction of the good images held out for calibration when the data has no validation/good folder.",
    )
    product_box: Literal["auto", "full"] | Box = Field(
        default="auto",
        description="Part of the image that shows the product: auto (found on the training images), full, "
        "or [left, top, right, bottom] as fractions of width and height (of the registered image, where products are "
        "brought to one pose).",
    )
    registration: Literal["auto", "none"] = Field(
        default="auto",
        description="auto: where the good images show one product shifted or at any angle on an even background, "
        "every image is brought to one pose; none: images stay as they are.",
    )
    area: int = Field(
        default=131_072,
        ge=16_384,
        le=4_194_304,
        description="Pixels of the network's input; the aspect ratio of the product box is kept.",
    )
    size: tuple[Side, Side] | None = Field(
        default=None,
        description="Fixed [height, width] of the network's input in pixels, whatever the aspect ratio, multiples of "
        "32 (the paper's is [256, 256]); null: from area.",
    )
    exclude: tuple[str, ...] = Field(
        default=(),
        description="Good images of train and validation that are left out: names without extension.",
    )

    @field_validator("product_box")
    @classmethod
    def _box_has_an_inside(cls, product_box: str | Box) -> str | Box:
        if not isinstance(product_box, str):
            left, top, right, bottom = product_box
            if left >= right or top >= bottom:
                raise ValueError("left smaller than right and top smaller than bottom")
        return product_box


class BackboneSettings(Settings):
    """The frozen pretrained network that every branch shares."""

    name: str = Field(
        default="tf_efficientnet_lite0",
        min_length=1,
        description="tf_efficientnet_lite0 (small, its weights come with the installation), "
        "wide_resnet50_2.tv2_in1k (the paper's, needs a weights file and preferably a GPU), or any other model of "
        "timm that gives feature maps, such as a ConvNeXt or DINOv2 (needs a weights file; not tested by us).",
    )
    weights: WeightsPlace = Field(
        default="embedded",
        description="embedded (those of the installed package), a safetensors or .pth file in timm's format, or "
        "weights://NAME: NAME.safetensors of the weights folder, which a pod fetches from the store.",
    )


class TagSettings(Settings):
    """Names of the parts, for open-vocabulary masks."""

    prompts: tuple[str, ...] | None = Field(
        default=None,
        description="Text prompts: the parts' names, e.g. [screw, washer]; null lets the tagging model find them.",
    )
    drop: tuple[str, ...] = Field(default=(), description="Tags to remove from those that were found.")
    keep: tuple[str, ...] = Field(
        default=(), description="Found tags to keep although their group is dropped; drop wins over keep."
    )
    drop_groups: tuple[TagGroup, ...] = Field(
        default=("action", "property", "colour", "material", "background", "picture", "abstract", "collective"),
        description="Groups of found tags that name no part and are left out: these, and container.",
    )
    images: Literal["auto"] | Annotated[int, Field(ge=1, le=100)] = Field(
        default="auto",
        description="Training images that the tagging model sees, their tags merged; auto takes one per product type.",
    )
    weights: WeightsPlace | None = Field(
        default=None,
        description="File of the tagging model RAM++, or weights://NAME; null: ram_plus_swin_large_14m.safetensors "
        "beside the other foundation models.",
    )


class FoundationSettings(Settings):
    """Grounding DINO and SAM-HQ; read with `proposals: foundation` only. The defaults of SAM are the paper's."""

    weights: str | None = Field(
        default=None, min_length=1, description="Folder of the model files; null: CSAD_WEIGHTS, in pods the store."
    )
    sam: Literal["vit_h", "vit_l", "vit_b", "vit_tiny"] = Field(
        default="vit_h",
        description="SAM-HQ's image encoder: vit_h is the paper's, vit_tiny the cheapest; `csad weights` has all.",
    )
    box_threshold: PositiveFraction = Field(
        default=0.25, description="Least score of a box that the prompts find; the paper's lines use .15 to .3."
    )
    text_threshold: PositiveFraction = Field(
        default=0.2, description="Least score at which a word counts to a box's phrase; it decides no mask."
    )
    box_overlap: PositiveFraction = Field(
        default=0.7, description="Of two boxes that overlap more (intersection over union), the better one stays."
    )
    points_per_side: int = Field(default=32, ge=1, le=256, description="Point prompts along a side, in every crop.")
    predicted_iou: Fraction = Field(default=0.88, description="Least quality that SAM predicts for a proposal.")
    stability: Fraction = Field(default=0.96, description="Least stability of a proposal against its cut-off.")
    mask_overlap: PositiveFraction = Field(
        default=0.7, description="Of two proposals whose boxes overlap more, the better one stays."
    )
    crop_layers: int = Field(default=1, ge=0, le=3, description="Layer n adds 4^n crops, each encoded once.")
    minimum_region: int = Field(
        default=500, ge=0, description="Holes and islands of a proposal with fewer pixels are removed."
    )


class PseudoLabelSettings(Settings):
    """Component masks and their grouping into classes (paper 3.1)."""

    proposals: str = Field(
        default="classical",
        description="Who proposes component masks: classical needs no foundation model; foundation is the paper's "
        "Grounding DINO and SAM-HQ, with their weights and preferably a GPU.",
    )
    mode: Literal["auto", "fine", "coarse"] = Field(
        default="auto",
        description="fine: filtered proposals; coarse: open-vocabulary masks only; auto: fine without prompts, or "
        "where they name the product as a whole, else coarse. "
        "`csad masks preview` shows both.",
    )
    foundation: FoundationSettings = Field(
        default_factory=FoundationSettings, description="The foundation models, where they propose the masks."
    )
    filter_by_grounding: bool = Field(default=True, description="Keep proposals that lie on open-vocabulary masks.")
    filter_by_combine: bool = Field(default=True, description="Drop proposals that only unite or repeat smaller ones.")
    component_features: Literal["deep_and_colour", "deep"] = Field(
        default="deep_and_colour",
        description="What is compared of two components: deep_and_colour (features of the network and the mean "
        "colour, on one scale), or deep (the features as they are: the paper's, whose bandwidths hold there).",
    )
    rotations: int = Field(default=8, ge=1, le=360, description="Rotations averaged in a component's features.")
    bandwidth: float | None = Field(
        default=None,
        gt=0,
        description="Mean-shift bandwidth; null derives it from bandwidth_quantile, whatever the backbone. The "
        "published 3 and 3.5 are 13.2 and 15.4 without the published program's projection.",
    )
    bandwidth_quantile: PositiveFraction = Field(
        default=0.03,
        description="Quantile of the pairwise component distances; smaller gives more classes. It is widened until few "
        "components belong to no class.",
    )
    minimum_image_fraction: PositiveFraction = Field(
        default=0.08,
        description="A class must appear in this fraction of all images (the paper's alpha): less than the fraction of "
        "the rarest product type.",
    )
    alpha_counts: Literal["images", "members"] = Field(
        default="images",
        description="What minimum_image_fraction holds against the number of images: the images that show a class, or "
        "the class's members (the paper's).",
    )
    label_filter: bool = Field(default=True, description="Train on label maps with a usual class histogram only.")
    label_clusters: Literal["types", "largest", "all"] = Field(
        default="types",
        description="Which clusters of class histograms are usual: types (found on square roots of the fractions), "
        "largest (the paper's Eq. 1), or all (the published program's, where a line makes several types).",
    )
    minimum_type_fraction: PositiveFraction = Field(
        default=0.1, description="A product type must hold this fraction of the images; rarer ones count as noise."
    )
    types: Literal["auto"] | Annotated[int, Field(ge=1, le=50)] = Field(
        default="auto", description="Number of product types made on this line; auto counts them."
    )

    @field_validator("proposals")
    @classmethod
    def _proposals_are_known(cls, proposals: str) -> str:
        known = known_proposers()
        if proposals not in known:
            raise ValueError(" or ".join(repr(name) for name in known))
        return proposals


class ThresholdSettings(Settings):
    """The decision."""

    false_reject_rate: PositiveFraction = Field(
        default=0.01, description="Good products that may be rejected, as a fraction; sets the threshold."
    )


class GateSettings(Settings):
    """Which new model may take the place of the one in service. Nothing here changes a score."""

    minimum_auroc: Fraction = Field(
        default=0.7, description="Least AUROC on every kind of anomaly, 0.5 is chance; also the first model needs it."
    )
    maximum_false_reject_rate: Fraction = Field(
        default=0.1, description="Rejected good images, as a fraction, above which no model passes."
    )
    tolerated_loss: Fraction = Field(
        default=0.01,
        description="A model may be worse by this much, in AUROC of a kind of anomaly or in rejected good images.",
    )
    maximum_loss: Fraction = Field(
        default=0.1,
        description="Seemingly worse by more than this, it is refused even where the images are too few to be sure.",
    )
    latency_ratio: float = Field(
        default=1.5, gt=0, description="An image may take this many times as long as with the model in service."
    )
    latency_milliseconds: float | None = Field(
        default=None, gt=0, description="Most milliseconds for one image on the gate's machine; null: no such limit."
    )


class RuntimeSettings(Settings):
    """What computes scores besides torch. Nothing here changes a score."""

    export: bool = Field(
        default=True,
        description="Write the whole scorer as one graph too (ONNX), for ONNX Runtime and OpenVINO, and compare both "
        "with torch when training ends.",
    )


class DeploymentSettings(Settings):
    """How the scorer is served. Nothing here changes a score, so nothing is trained again for it."""

    minimum_replicas: int = Field(
        default=1, ge=1, le=100, description="Pods that always run; 2 keep answering while a node fails."
    )
    maximum_replicas: int = Field(
        default=4, ge=1, le=100, validate_default=True, description="Pods at the highest load, by the autoscaler."
    )
    strategy: Literal["rolling", "blue_green"] = Field(
        default="rolling",
        description="rolling: new pods start before old ones stop, which takes room for one more pod; blue_green: "
        "for GPU nodes without a spare GPU, pods on CPU bridge the exchange.",
    )
    cpu: float = Field(default=1.0, gt=0, le=256, description="Processors that a pod is given, e.g. 2, 0.2 or 200m.")
    memory: str = Field(default="2Gi", pattern=r"^[0-9]+[MG]i$", description="Memory of a pod, e.g. 1500Mi or 4Gi.")
    gpus: int = Field(default=0, ge=0, le=8, description="NVIDIA GPUs of a pod.")

    @field_validator("cpu", mode="before")
    @classmethod
    def _cpu_may_be_written_as_kubernetes_does(cls, cpu: object) -> object:
        found = re.fullmatch(r"([1-9]\d{0,5})m", cpu) if isinstance(cpu, str) else None
        return int(found[1]) / 1000 if found else cpu

    @field_validator("maximum_replicas")
    @classmethod
    def _maximum_is_not_below_minimum(cls, maximum: int, others: ValidationInfo) -> int:
        minimum = others.data.get("minimum_replicas", 1)
        if maximum < minimum:
            raise ValueError(f"at least minimum_replicas, which is {minimum}")
        return maximum
