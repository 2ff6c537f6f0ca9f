"""What of a pipeline is fixed when it is compiled: which tasks there are, and what each asks of the cluster."""

from dataclasses import dataclass, replace
from typing import Self

from csad.config.line import ProductLine
from csad.config.weights_address import name_of
from csad.proposals.proposers import asks_tagger, proposer_of
from csad.runner.needed_weights import READ_BACKBONE
from csad.runner.shard import Shard
from csad.runner.stage_order import after
from pipelines.resources import LARGE, MEDIUM, TINY, Resources

USUAL_AREA = 131_072
"""Pixels of the network's input up to which a line is of the usual size: the default of `images.area`."""


@dataclass(frozen=True)
class Shape:
    """The form of a line's training pipeline; lines of one shape share a pipeline.

    Attributes:
        foundation: Foundation models propose the masks, in their own image, and on GPU nodes where there are some.
        asks_tagger: A tagging model names the parts: without it there is no task for that.
        shards: Tasks that divide the mask proposals; one needs no loop.
        deploy: Accepted models go into service at the end.
        large: The line's images are larger than usual.
        small: Requests are as low as the tasks can live with, for clusters of a few cores.
        fetches_backbone: The weights of the backbone come from the store.
    """

    foundation: bool = False
    asks_tagger: bool = False
    shards: int = 1
    deploy: bool = True
    large: bool = False
    small: bool = False
    fetches_backbone: bool = False

    @classmethod
    def of(cls, line: ProductLine, small: bool = False, deploy: bool = True) -> Self:
        """Choose the shape for a product line.

        Args:
            line: Product line.
            small: Ask for as little as possible.
            deploy: False leaves deployment out whatever the line says.
        """
        proposer = proposer_of(line)
        return cls(
            foundation=proposer.foundation_models,
            asks_tagger=asks_tagger(line),
            shards=line.schedule.mask_shards,
            deploy=deploy and line.schedule.deploy,
            large=line.images.area > USUAL_AREA,
            small=small,
            fetches_backbone=name_of(line.backbone.weights) is not None,
        )

    @property
    def mask_shard_names(self) -> list[str]:
        """The shards of the masks: ["1/1"], or ["1/2", "2/2"]."""
        return Shard.all(self.shards)

    def resources(self, task: str) -> Resources:
        """What a task that computes asks for."""
        usual = LARGE if self.large or (self.foundation and task == "masks") else MEDIUM
        return replace(TINY, hours=usual.hours) if self.small else usual

    def stages(self) -> tuple[str, ...]:
        """The cached tasks, in order."""
        return tuple(name for name in after("ingest") if self.asks_tagger or name != "tagging")

    def stages_on_gpu(self) -> tuple[str, ...]:
        """Those that gain by a GPU: the classical proposals compute on the CPU alone."""
        return tuple(name for name in self.stages() if self.foundation or name != "masks")

    def foundation_stages(self) -> tuple[str, ...]:
        """Those that run foundation models."""
        return tuple(name for name in ("tagging", "masks") if self.foundation and name in self.stages())

    def stages_with_weights(self) -> tuple[str, ...]:
        """Those that may fetch weights from the store."""
        fetching = {*(READ_BACKBONE if self.fetches_backbone else ()), *self.foundation_stages(), "tagging"}
        return tuple(name for name in self.stages() if name in fetching)
