"""The data sets that are measured, and the settings that are compared on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from csad.config.line import ProductLine
from drawn_lines.lines import DRAWN, LINES, ROOT

EXAMPLE = ROOT / "examples" / "fastener_kit"
SHARED = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class DataSet:
    """One product line with test images.

    Attributes:
        name: Also the name of its product line.
        folder: In LOCO layout.
        labels: True label maps of the training images, `<stem>.png`; None where nobody knows them.
        command: Draws the images where they are absent; None where they are photographs, or part of the repository.
    """

    name: str
    folder: Path
    labels: Path | None = None
    command: str | None = None


@dataclass(frozen=True)
class Variant:
    """Settings to compare.

    Attributes:
        name: For files and tables.
        changes: Per section of the product line, the settings that differ from a fresh line file.
    """

    name: str
    changes: Mapping[str, Mapping[str, object]]

    @property
    def description(self) -> str:
        """Name and changes, such as "no_lsa (segmentation.lsa: False)"."""
        changed = (
            f"{section}.{name}: {value}" for section, values in self.changes.items() for name, value in values.items()
        )
        return f"{self.name} ({', '.join(changed) or 'no change'})"

    def line(self, name: str) -> ProductLine:
        """The product line that `csad line new` writes, with the changes."""
        return ProductLine.model_validate({"name": name, **self.changes})


DATA_SETS = (
    DataSet("fastener_kit", EXAMPLE / "data", EXAMPLE / "component_labels" / "train" / "good"),
    DataSet("juice_bottle", SHARED / "mvtec_loco" / "juice_bottle"),
    DataSet("bottle", SHARED / "mvtec_ad" / "bottle"),
    DataSet("transistor", SHARED / "mvtec_ad" / "transistor"),
    DataSet("metal_nut", SHARED / "mvtec_ad" / "metal_nut"),
    DataSet("circuitboard", SHARED / "lookout" / "circuitboard"),
    DataSet("cookies", SHARED / "lookout" / "cookies"),
)
"""What is measured unless others are named."""

DRAWN_LINES = tuple(DataSet(name, DRAWN / name, command=f"python -m drawn_lines --only {name}") for name in LINES)
"""Made-up lines, measured by name."""

TURNED_ROOT = ROOT / "measurements" / "turned"
TURNABLE = ("juice_bottle", "circuitboard")
TURNED = tuple(
    DataSet(f"{name}_turned", TURNED_ROOT / name, command=f"python -m benchmarks.turned {name}") for name in TURNABLE
)
"""Aligned products on an even ground, each image turned by an angle of its own; measured by name."""

FULL = Variant("full", {})
NO_LSA = Variant("no_lsa", {"segmentation": {"lsa": False}})
CLASS_HISTOGRAM = Variant("class_histogram", {"histogram": {"grids": [1]}})
PAPER_HISTOGRAM = Variant(
    "paper_histogram",
    {
        "histogram": {
            "soft": False,
            "square_root": False,
            "covariance": "pseudo_inverse",
            "per_type": False,
            "copies": False,
            "codebook_size": 0,
        }
    },
)
PAPER_STUDENTS = Variant("paper_students", {"lgst": {"global_student": "autoencoder", "local_student": "pdn"}})
PLAIN_SUM = Variant("plain_sum", {"fusion": {"weighting": "equal"}})
ABLATIONS = (NO_LSA, CLASS_HISTOGRAM, PAPER_HISTOGRAM, PAPER_STUDENTS, PLAIN_SUM)
