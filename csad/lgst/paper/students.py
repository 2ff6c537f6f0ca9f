"""The trained students of the paper and the maps in which they disagree with their teacher (paper 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from csad.common.errors import ModelFolderError
from csad.lgst.paper.networks import (
    HEAD_DESIGNS,
    Autoencoder,
    HeadDesign,
    PatchDescriptionNetwork,
    PatchFeatures,
    patch_stride,
)
from csad.lgst.teacher import resize

AUTOENCODER_WIDTH = 64
BOTTLENECK = 64
"""Both as in EfficientAD."""


@dataclass(frozen=True)
class StudentArchitecture:
    """What fixes the shape of every tensor of the students.

    Attributes:
        channels: Width of the teacher.
        canvas: Height and width of the images.
        grid: Rows and columns of the teacher's map.
        width: Channels of the local student's first layer; 0 for no local student.
        bottleneck: Length of the autoencoder's vector; 0 for no autoencoder.
        design: How the local student imitates both.
    """

    channels: int
    canvas: tuple[int, int]
    grid: tuple[int, int]
    width: int
    bottleneck: int
    design: HeadDesign = "heads"

    def as_tensor(self) -> Tensor:
        """The numbers in order, the design last, int64 (8,)."""
        design = HEAD_DESIGNS.index(self.design)
        return torch.tensor([self.channels, *self.canvas, *self.grid, self.width, self.bottleneck, design])

    @classmethod
    def from_tensor(cls, numbers: Tensor) -> StudentArchitecture:
        """Undo `as_tensor`; seven numbers, as models once had, are of two heads."""
        channels, height, width, rows, columns, first, bottleneck, *design = (int(number) for number in numbers)
        return cls(
            channels, (height, width), (rows, columns), first, bottleneck, HEAD_DESIGNS[design[0] if design else 0]
        )


@dataclass(frozen=True)
class StudentMaps:
    """Squared differences, averaged over channels, float32 (B, h, w); None where a student is missing.

    Attributes:
        local: Teacher against the first head of the local student: unusual patches.
        global_student: Teacher against the autoencoder: unusual arrangements, blurred by what it cannot draw.
        second_head: Autoencoder against the second head of the local student, which expects that blur.
    """

    local: Tensor | None
    global_student: Tensor | None
    second_head: Tensor | None

    def average(self) -> Tensor:
        """The paper's map: mean of `local` and `second_head`; the only map where one student was trained."""
        present = [m for m in (self.local, self.second_head) if m is not None]
        if not present:
            assert self.global_student is not None
            present = [self.global_student]
        return torch.stack(present).mean(dim=0)


class Students(nn.Module):
    """Local student (PDN), global student (autoencoder), or both.

    Args:
        architecture: Shapes; at least one of the students.
    """

    def __init__(self, architecture: StudentArchitecture) -> None:
        super().__init__()
        if not architecture.width and not architecture.bottleneck:
            raise ValueError("Found no student, expected a width, a bottleneck or both above 0.")
        self.architecture = architecture
        channels, canvas, grid = architecture.channels, architecture.canvas, architecture.grid
        self.local: PatchDescriptionNetwork | None = None
        self.autoencoder: Autoencoder | None = None
        if architecture.width:
            self.local = PatchDescriptionNetwork(
                channels, patch_stride(canvas, grid), architecture.width, architecture.design
            )
        if architecture.bottleneck:
            self.autoencoder = Autoencoder(channels, canvas, grid, AUTOENCODER_WIDTH, architecture.bottleneck)
        # A tenth faster on CPUs.
        self.to(memory_format=torch.channels_last)

    def describe(self, image: Tensor) -> PatchFeatures | None:
        """Both heads of the local student on the teacher's grid, from (B, 3, H, W) in 0..1; None without one."""
        if self.local is None:
            return None
        patches: PatchFeatures = self.local(image)
        grid = self.architecture.grid
        return PatchFeatures(resize(patches.teacher, grid), resize(patches.global_student, grid))

    @torch.no_grad()
    def maps(self, image: Tensor, target: Tensor) -> StudentMaps:
        """All maps in one pass.

        Args:
            image: float32 (B, 3, H, W) in 0..1, of the size of the canvas.
            target: float32 (B, C, h, w), the teacher's features of `image`.
        """
        patches = self.describe(image)
        predicted: Tensor | None = None if self.autoencoder is None else self.autoencoder(image)
        return StudentMaps(
            local=None if patches is None else squared_difference(target, patches.teacher),
            global_student=None if predicted is None else squared_difference(target, predicted),
            second_head=None
            if patches is None or predicted is None
            else squared_difference(predicted, patches.global_student),
        )

    def tensors(self) -> dict[str, Tensor]:
        """Everything that `from_tensors` needs: flat, contiguous, on the CPU."""
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        return {"architecture": self.architecture.as_tensor(), **weights}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Students:
        """Rebuild the students that `tensors` described, in evaluation mode.

        Raises:
            ModelFolderError: A tensor is missing, superfluous or of another shape.
        """
        remedy = "Train the model again."
        if "architecture" not in tensors:
            raise ModelFolderError(f"The students lack their architecture. {remedy}")
        students = cls(StudentArchitecture.from_tensor(tensors["architecture"]))
        try:
            students.load_state_dict({name: tensor for name, tensor in tensors.items() if name != "architecture"})
        except RuntimeError as error:
            raise ModelFolderError(f"The students' tensors do not fit their architecture: {error} {remedy}") from error
        return students.requires_grad_(False).eval()


def squared_difference(first: Tensor, second: Tensor) -> Tensor:
    """Mean over channels of the squared difference of two (B, C, h, w): (B, h, w)."""
    return (first - second).square().mean(dim=1)
