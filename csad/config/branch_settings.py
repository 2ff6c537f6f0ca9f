"""The sections of a product line that say how its networks and branches learn and score (paper 3.2 to 3.5)."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from csad.config.setting_types import Cells, Fraction, PositiveFraction, Settings, Weight


class LossWeights(Settings):
    """Weights of the segmentation losses (paper Eq. 3)."""

    cross_entropy: Weight = Field(default=0.5, description="Cross entropy on labelled images.")
    dice: Weight = Field(default=10.0, description="Dice on labelled images.")
    focal: Weight = Field(default=1.0, description="Focal loss on labelled images.")
    histogram: Weight = Field(default=10.0, description="Class histogram of unlabelled images.")
    entropy: Weight = Field(default=1.0, description="Entropy of the prediction on unlabelled images.")


class SegmentationSettings(Settings):
    """Training of the component segmentation network (paper 3.2)."""

    steps: int = Field(default=600, ge=1, description="Optimiser steps; read where epochs is null.")
    epochs: int | None = Field(
        default=None, ge=1, description="Passes over the labelled images (the paper's 120); null: steps says."
    )
    labelled_only_fraction: Fraction = Field(
        default=0.42, description="Fraction of the steps before unlabelled images join (50 of 120 epochs in the paper)."
    )
    batch: int = Field(default=4, ge=1, description="Labelled and as many unlabelled images per step.")
    copies: int = Field(
        default=0,
        ge=0,
        description="0 draws and describes each image anew (the paper's). 480: so many labelled copies, each with its "
        "own synthetic anomaly, place and brightness, and a quarter as many unlabelled ones, are described once, in "
        "about half the time; detection with them is not measured yet.",
    )
    learning_rate: float = Field(default=0.001, gt=0, description="Initial rate.")
    schedule: Literal["decaying", "fixed"] = Field(
        default="decaying",
        description="decaying: the rate falls to zero and averaged weights are kept; fixed: one rate, and the last "
        "weights (the paper's).",
    )
    lsa: bool = Field(default=True, description="Synthetic anomalies among the labelled images.")
    lsa_kind: Literal["components", "cutpaste"] = Field(
        default="components",
        description="components: LSA, components at other places; cutpaste: rectangles, which the paper compares.",
    )
    lsa_fraction: Fraction = Field(
        default=0.5, description="Fraction of the labelled images that are made anomalous; the paper's is 1."
    )
    histogram_classes: Literal["all", "components"] = Field(
        default="all",
        description="Classes that the histogram loss compares: all, or components (Eq. 2, without the background).",
    )
    losses: LossWeights = Field(default_factory=LossWeights, description="Weights of the five losses.")


class HistogramSettings(Settings):
    """How much of each component an image holds, and where (paper 3.3)."""

    grids: tuple[Annotated[int, Field(ge=1, le=16)], ...] = Field(
        default=(1, 2), min_length=1, description="Cells per side: 1 is the whole product, 2 its quarters."
    )
    soft: bool = Field(default=True, description="Sum class probabilities rather than counting the likeliest class.")
    square_root: bool = Field(default=True, description="Square root of the fractions, so that small parts count.")
    codebook_size: int = Field(
        default=64,
        ge=0,
        le=4096,
        description="Visual words of the extra histogram, k-means centres; 0 switches it off.",
    )
    covariance: Literal["ledoit_wolf", "pseudo_inverse"] = Field(
        default="ledoit_wolf", description="ledoit_wolf (shrunk, stable) or pseudo_inverse (the paper's program)."
    )
    resolution: Literal["network", "input"] = Field(
        default="network",
        description="Where classes are counted: network (a cell per 4 pixels) or input (enlarged to every pixel, the "
        "paper's: grids 1 and 2 are its patch sizes 256 and 128).",
    )
    per_type: bool = Field(default=True, description="One Gaussian per product type; an image takes the nearest.")
    copies: bool = Field(
        default=True,
        description="Learn from copies of good images what other light and a shift change (ledoit_wolf only).",
    )


class LgstSettings(Settings):
    """The local-global student-teacher branch (paper 3.4)."""

    global_student: Literal["pca", "autoencoder", "none"] = Field(
        default="pca", description="pca (reconstruction error, seconds to fit), autoencoder (the paper's), or none."
    )
    local_student: Literal["memory_bank", "pdn", "none"] = Field(
        default="memory_bank",
        description="memory_bank (nearest normal patches, as PatchCore), pdn (the paper's network), or none.",
    )
    explained_variance: PositiveFraction = Field(
        default=0.95, description="Variance that the principal components keep."
    )
    max_components: int = Field(default=128, ge=1, description="Limit on the principal components.")
    coreset_size: int = Field(
        default=4000,
        ge=1,
        description="Patches that each of the three memory banks keeps (greedy k-center); more take longer.",
    )
    steps: int = Field(default=2000, ge=1, description="Optimiser steps of the networks (autoencoder, pdn).")
    batch: int = Field(default=2, ge=1, description="Images per step of the networks.")
    learning_rate: float = Field(default=0.001, gt=0, description="Adam's rate for the networks.")
    channels: int = Field(
        default=512, ge=1, le=4096, description="Width of the teacher; narrower backbones keep all their channels."
    )
    grid: tuple[Cells, Cells] | None = Field(
        default=None,
        description="Rows and columns of the teacher's features (the paper's are [56, 56]); null: a cell per 8 pixels.",
    )
    pdn_width: int = Field(
        default=64, ge=1, le=1024, description="Channels of pdn's first layer; the paper's PDN has 128."
    )
    pdn_heads: Literal["heads", "double", "same"] = Field(
        default="heads",
        description="How pdn imitates both the teacher and the autoencoder: two heads (the paper's), one output of "
        "double width, or one of the same width for both.",
    )
    window: int = Field(
        default=128,
        ge=33,
        le=2048,
        description="Side in pixels of what pdn learns from in a step; 256 is all of the paper's input.",
    )
    average: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.999, description="Decay of the networks' averaged weights; 0 keeps the last ones (the paper's)."
    )
    penalty: str = Field(
        default="product",
        min_length=1,
        description="Images that pdn must not imitate the teacher on: product (made from the line's own), packaged "
        "(photographs that scikit-image and scikit-learn carry), or a folder, such as a sample of ImageNet (the "
        "paper's).",
    )
    score: Literal["branches", "mean_map"] = Field(
        default="branches",
        description="branches: each student is a branch of the score; mean_map: the largest value of the mean of both "
        "normalised maps is one branch (the paper's; needs autoencoder and pdn).",
    )

    @field_validator("score")
    @classmethod
    def _mean_map_has_two_maps(cls, score: str, others: ValidationInfo) -> str:
        students = (others.data.get("global_student"), others.data.get("local_student"))
        if score == "mean_map" and students != ("autoencoder", "pdn"):
            raise ValueError("branches, for mean_map needs global_student: autoencoder and local_student: pdn")
        return score


class FusionSettings(Settings):
    """How the branches' scores become one."""

    weighting: Literal["synthetic_auroc", "equal"] = Field(
        default="synthetic_auroc",
        description="synthetic_auroc: each branch is weighted by its AUROC on synthetic anomalies; equal: the paper's "
        "plain sum.",
    )
    maps: Literal["weighted", "average", "lgst"] = Field(
        default="weighted",
        description="Where it is unusual: weighted (significant differences, by the branches' weights), average (the "
        "plain mean of both maps, the paper's), or lgst (the students' map alone).",
    )
