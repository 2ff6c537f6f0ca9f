"""What a mask proposer is (paper 3.1): what `pseudo_labels.proposals` names, from its weights to its answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from csad.config.line import ProductLine
    from csad.images import ImageSet
    from csad.images.training_images import SampleImages
    from csad.imaging.canvas import Canvas
    from csad.proposals.proposal_result import ComponentFinder


class Proposer(Protocol):
    """One way to propose component masks. Implementations inherit from it and are entered with `register`.

    Its module imports no large package when it is imported: to compile a pipeline, only the attributes are read.

    Attributes:
        name: Value of `pseudo_labels.proposals`; of csad's own ones also the name of the file.
        needs_prompts: It looks for prompts: the line's own, or those of the tagging model.
        foundation_models: It runs foundation models: on GPU nodes, and in an image of their own.
    """

    name: ClassVar[str]
    needs_prompts: ClassVar[bool] = False
    foundation_models: ClassVar[bool] = False

    @abstractmethod
    def build(self, line: ProductLine, images: ImageSet, prompts: Sequence[str]) -> ComponentFinder:
        """Build what finds the components of a line's training images.

        Args:
            line: Product line; `line.pseudo_labels` holds the mode and the rules.
            images: Data set.
            prompts: Names of the parts, for a proposer that needs prompts.

        Raises:
            StageError: It needs prompts and there are none.
            WeightsError: Models or their files are missing.
        """

    def weights(self, line: ProductLine, prompts: Sequence[str]) -> Sequence[Path]:
        """The files that `build` loads.

        Raises:
            WeightsError: One of them is missing.
        """
        return ()

    def published(self, line: ProductLine) -> Sequence[str]:
        """Names of the weights that a pod must have of the store's mirror, by the line alone.

        Those that `build` may load, by the names of `csad weights list` or `csad weights push`; nothing is imported.
        """
        return ()

    def missing(self, line: ProductLine) -> tuple[str, ...]:
        """Why it would fail on this machine, a sentence for each obstacle, with what to do; nothing is loaded."""
        return ()

    def describe(self, line: ProductLine, sample: SampleImages, canvas: Canvas) -> str:
        """What it would look for, for people.

        Args:
            line: Product line.
            sample: Some training images.
            canvas: Where the product is.
        """
        return self.name
