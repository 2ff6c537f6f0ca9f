"""The product line: one YAML file that says how one line's scorer is made.

    line = ProductLine.from_file(Path("lines/bottles.yaml"))
    line.lgst.explained_variance  # 0.95

A file needs only a name. `csad line new` writes one with every setting and its comment.
"""

import logging
import re
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from csad.common.errors import LineError
from csad.common.hashing import json_sha256
from csad.config import aliases, line_yaml
from csad.config.presets import Method, with_preset
from csad.config.schedule import ScheduleSettings
from csad.config.settings import (
    BackboneSettings,
    DeploymentSettings,
    FusionSettings,
    GateSettings,
    HistogramSettings,
    ImageSettings,
    LgstSettings,
    PseudoLabelSettings,
    RuntimeSettings,
    SegmentationSettings,
    Settings,
    TagSettings,
    ThresholdSettings,
)
from csad.config.weights_address import Sha256

__all__ = [
    "BackboneSettings",
    "DeploymentSettings",
    "FusionSettings",
    "GateSettings",
    "HistogramSettings",
    "ImageSettings",
    "LgstSettings",
    "ProductLine",
    "PseudoLabelSettings",
    "RuntimeSettings",
    "ScheduleSettings",
    "SegmentationSettings",
    "TagSettings",
    "ThresholdSettings",
]

NO_PART_OF_A_SCORE = {"gate", "deployment", "schedule"}
NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")

_log = logging.getLogger(__name__)


class ProductLine(Settings):
    """Everything that decides how the scorer of one product line is made."""

    name: str = Field(description="Name of the product line.")
    method: Method = Field(
        default="default",
        description="default: made for factories; paper: CSAD as published. It sets what the file leaves out; every "
        "other key of the file counts.",
    )
    pinned_weights: dict[str, Sha256] = Field(
        default_factory=dict,
        description="SHA-256 that published or pushed weights must have, by name, such as {sam_hq_vit_h: 14a9...}; "
        "other files are refused. On Kubeflow weights that are not pinned are those that the store has when a run "
        "starts.",
    )
    images: ImageSettings = Field(default_factory=ImageSettings, description="Images.")
    backbone: BackboneSettings = Field(default_factory=BackboneSettings, description="Pretrained network.")
    tags: TagSettings = Field(default_factory=TagSettings, description="Names of the parts.")
    pseudo_labels: PseudoLabelSettings = Field(
        default_factory=PseudoLabelSettings, description="Component masks and their classes."
    )
    segmentation: SegmentationSettings = Field(
        default_factory=SegmentationSettings, description="Component segmentation network."
    )
    histogram: HistogramSettings = Field(
        default_factory=HistogramSettings, description="How much of each component, and where."
    )
    lgst: LgstSettings = Field(default_factory=LgstSettings, description="Local-global student-teacher branch.")
    fusion: FusionSettings = Field(default_factory=FusionSettings, description="How the branches become one score.")
    threshold: ThresholdSettings = Field(default_factory=ThresholdSettings, description="The decision.")
    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings, description="What computes scores.")
    gate: GateSettings = Field(default_factory=GateSettings, description="Which new model may go into service.")
    deployment: DeploymentSettings = Field(default_factory=DeploymentSettings, description="How it is served.")
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings, description="When and where it retrains.")

    @model_validator(mode="before")
    @classmethod
    def _method_sets_what_is_left_out(cls, values: Any) -> Any:
        return with_preset(values) if isinstance(values, dict) else values

    @field_validator("name")
    @classmethod
    def _name_is_a_slug(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError(
                "1 to 63 ASCII characters: lower-case letters, digits, - and _, first and last a letter or digit "
                "(the name becomes part of file, run and service names), such as bottle_line-2"
            )
        return name

    @classmethod
    def from_yaml(cls, text: str, source: str = "product line") -> Self:
        """Parse a product line; one line in the log names the old names that it holds (see `csad.config.aliases`).

        Args:
            text: YAML; missing keys take their defaults.
            source: What the text is called in messages, usually its file.

        Raises:
            LineError: Broken YAML, an unknown or repeated key, a wrong value; all of them in one message.
        """
        line, renamed = cls._parse(text, source)
        if renamed:
            _log.warning("%s", aliases.deprecation(renamed, source))
        return line

    @classmethod
    def from_model(cls, text: str, source: str = "the line of a model") -> Self:
        """Parse the line that a model folder holds: old names count without a word, for nobody can change them there.

        Raises:
            LineError: Same as for `from_yaml`.
        """
        return cls._parse(text, source)[0]

    @classmethod
    def _parse(cls, text: str, source: str) -> tuple[Self, tuple[aliases.Renamed, ...]]:
        values, renamed = aliases.rename(line_yaml.parse(text, source), source)
        try:
            return cls.model_validate(values), renamed
        except ValidationError as error:
            raise LineError(line_yaml.explain(error, cls, text, source)) from None

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a product line file.

        Raises:
            LineError: The file cannot be read, or does not hold a valid product line.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise LineError(
                f"cannot read the product line {path}: {reason}; "
                f"write a new one with `csad line new NAME --output {path}`"
            ) from None
        return cls.from_yaml(text, source=str(path))

    def to_yaml(self) -> str:
        """Return a commented file that parses back to this line."""
        return line_yaml.write(self)

    def overridden(self) -> tuple[str, ...]:
        """Keys, such as "lgst.steps", in which the line differs from its method; how it is served does not count."""
        left_out = NO_PART_OF_A_SCORE | {"pinned_weights"}
        plain = _flat(type(self)(name=self.name, method=self.method).model_dump(exclude=left_out))
        own = _flat(self.model_dump(exclude=left_out))
        return tuple(key for key, value in own.items() if value != plain[key])

    def digest(self) -> str:
        """SHA-256 of the settings that make the scorer; how it is served and when it retrains do not change it."""
        return json_sha256(self.model_dump(mode="json", exclude=NO_PART_OF_A_SCORE))

    def section_digest(self, *names: str) -> str:
        """SHA-256 of some sections only: what a stage that reads just these depends on.

        Raises:
            KeyError: A name that is no section.
        """
        values = self.model_dump(mode="json")
        return json_sha256({name: values[name] for name in names})


def _flat(values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Values by their dotted keys."""
    flat = {}
    for key, value in values.items():
        flat.update(_flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value})
    return flat
