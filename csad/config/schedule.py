"""The section `schedule` of a product line: when it retrains, and what its GPU tasks ask of a cluster."""

import re

from pydantic import Field, field_validator

from csad.config.cron import check_cron
from csad.config.setting_types import Settings

TOLERATION = re.compile(
    r"(?P<key>[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?)(?:=(?P<value>[A-Za-z0-9._-]*))?"
    r"(?::(?P<effect>NoSchedule|PreferNoSchedule|NoExecute))?"
)
"""Written as `kubectl taint` writes taints."""


class ScheduleSettings(Settings):
    """When the line retrains on Kubeflow, and on which nodes. Nothing here changes a score."""

    cron: str | None = Field(
        default=None,
        description="When it retrains: second minute hour day month weekday, in the server's time zone (usually UTC), "
        "e.g. 0 0 2 * * * (each night at 2:00) or 0 0 2 * * 1 (Mondays); null: never by itself. Unchanged data cost "
        "one step.",
    )
    enabled: bool = Field(default=True, description="false pauses the schedule and keeps it on the server.")
    data: str | None = Field(
        default=None,
        min_length=1,
        description="store://LINE (what was pushed last), store://LINE@DIGEST or a folder that the pods mount; "
        "null: store:// and the line's name.",
    )
    mask_shards: int = Field(default=1, ge=1, le=256, description="GPU tasks that share the mask proposals.")
    deploy: bool = Field(
        default=True,
        description="Each accepted model goes into service at the end of its run; false: a person decides.",
    )
    accelerator: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        description="Accelerator that GPU tasks ask for, as its device plugin calls it, e.g. nvidia.com/mig-1g.10gb; "
        "null: nvidia.com/gpu. This and the three below need a pipeline that is compiled for GPUs.",
    )
    accelerator_count: int | None = Field(default=None, ge=1, description="Accelerators per GPU task; null: 1.")
    node_selector: dict[str, str] | None = Field(
        default=None,
        description="Labels of the nodes of GPU tasks, instead of nvidia.com/gpu.present: 'true'; {}: any node.",
    )
    tolerations: list[str] | None = Field(
        default=None,
        description="Taints of nodes that GPU tasks accept, instead of nvidia.com/gpu:NoSchedule; KEY, KEY:EFFECT or "
        "KEY=VALUE:EFFECT.",
    )

    @field_validator("cron")
    @classmethod
    def _cron_has_six_fields(cls, cron: str | None) -> str | None:
        return None if cron is None else check_cron(cron)

    @field_validator("tolerations")
    @classmethod
    def _tolerations_can_be_read(cls, tolerations: list[str] | None) -> list[str] | None:
        for text in tolerations or []:
            if TOLERATION.fullmatch(text) is None:
                raise ValueError(
                    f"{text!r} is no toleration; expected KEY, KEY:EFFECT or KEY=VALUE:EFFECT with the effect "
                    "NoSchedule, PreferNoSchedule or NoExecute"
                )
        return tolerations
