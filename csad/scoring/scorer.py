"""THE scoring path: images in, scores, maps and explanations out. Evaluation, batch scoring and serving all call it.

Branches as in paper 3.3 and 3.4, score and map as in 3.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from csad.common.errors import ImageError
from csad.compute.device import check_device
from csad.config.line import ProductLine
from csad.imaging.canvas import Canvas
from csad.scoring.model_folder import Manifest, read_arrays, read_manifest
from csad.scoring.rendering import Renderer
from csad.scoring.runtimes.choice import open_runtime
from csad.scoring.runtimes.protocol import Runtime, RuntimeOutputs

if TYPE_CHECKING:
    from csad.imaging.registration import Placement, Registration

REGISTRATION = "registration"
"""File of the tensors that bring a product to one pose."""

NO_PRODUCT = "no product stands out from the background, so the image is scored in the pose that it has"


@dataclass(frozen=True, eq=False)
class _Posed:
    """An image in the pose of the training images, and the way back: the original's size and the product's place."""

    image: NDArray[np.uint8]
    height: int
    width: int
    placement: Placement | None


@dataclass(frozen=True, eq=False)
class Score:
    """What the model says about one image.

    Attributes:
        value: Larger is more anomalous.
        threshold: Above it the image is rejected.
        branches: Normalised score of each branch and group of branches.
        map: Where it is unusual, float32 (H, W) at the image's size, at least 0 unless the line averages maps
            (`fusion.maps`); `Scorer.normal_tail` is what normal images' upper tail reaches.
        explanations: What is unusual about the components, a sentence each, worst first.
    """

    value: float
    threshold: float
    branches: dict[str, float]
    map: NDArray[np.float32]
    explanations: tuple[str, ...]

    @property
    def anomalous(self) -> bool:
        """The decision."""
        return self.value > self.threshold


class Scorer:
    """A trained model of one product line.

    Attributes:
        line: The settings that it was trained with.
        manifest: Where it comes from.
        runtime: What computes it.
    """

    def __init__(self, manifest: Manifest, runtime: Runtime, registration: Registration | None = None) -> None:
        self.manifest = manifest
        self.runtime = runtime
        self.line = ProductLine.from_model(manifest.line)
        record = manifest.canvas
        self._canvas = Canvas(record.box, record.height, record.width)
        self._registration = registration
        self._renderer = Renderer.of_model(manifest, runtime)

    @property
    def threshold(self) -> float:
        """Above it an image is rejected."""
        return self.manifest.threshold.value

    @property
    def normal_tail(self) -> float:
        """What the upper tail of normal images' cells reaches on the map of a score; above 0."""
        return self._renderer.normal_tail

    @classmethod
    def load(cls, folder: Path, device: str = "cpu", runtime: str | None = None, threads: int | None = None) -> Self:
        """Load and verify a model folder.

        Args:
            folder: Folder as `csad train` wrote it.
            device: "cpu", "cuda" or "cuda:N": where the backbone and the networks run.
            runtime: "torch", "onnxruntime" or "openvino"; None takes what is installed and computes as torch does.
            threads: Processors that a runtime other than torch may use; None: all that this process may.

        Raises:
            ModelFolderError: The folder is incomplete, damaged or of another version.
            RuntimeRefused: The runtime cannot compute the model.
            DeviceError: There is no such device.
        """
        check_device(device)
        manifest = read_manifest(folder)
        return cls(manifest, open_runtime(folder, manifest, device, runtime, threads), _registration(folder))

    def score(self, image: NDArray[np.uint8]) -> Score:
        """Score one image, uint8 (H, W, 3)."""
        return self.score_batch([image])[0]

    def score_batch(self, images: Sequence[NDArray[np.uint8]]) -> list[Score]:
        """Score images of any sizes, uint8 (H, W, 3) each; an image scores the same alone and among others.

        Raises:
            ImageError: An image is not uint8 (H, W, 3).
        """
        if not images:
            return []
        for image in images:
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ImageError(f"expected an RGB image, uint8 (H, W, 3), got {image.dtype} {image.shape}")
        posed = [self._pose(image) for image in images]
        found = self.runtime.run(np.stack([self._canvas.to_input(each.image) for each in posed]))
        fusion = self.manifest.fusion
        branches = fusion.branch_scores(found.columns)
        named = {**branches, **fusion.groups(branches)}
        return [
            self._explain(each, index, found, {name: float(values[index]) for name, values in named.items()})
            for index, each in enumerate(posed)
        ]

    def registered(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The product in the pose of the training images, uint8 (S, S, 3); the image itself where poses are fixed."""
        return self._pose(image).image

    def to_input(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the networks see of an image: the region of interest in the pose of the training images, (h, w, 3)."""
        return self._canvas.to_input(self.registered(image))

    def _pose(self, image: NDArray[np.uint8]) -> _Posed:
        if self._registration is None:
            return _Posed(image, image.shape[0], image.shape[1], None)
        placement = self._registration.place(image)
        posed = self._registration.register(image, placement)
        return _Posed(posed, image.shape[0], image.shape[1], placement)

    def background_score(self, image: NDArray[np.uint8]) -> float:
        """How unusual the bare border of an image is; never part of a score, only a check on the data."""
        return self.manifest.border.distance(self.registered(image))

    def _explain(self, posed: _Posed, index: int, found: RuntimeOutputs, branches: dict[str, float]) -> Score:
        seen = self._renderer.render(found, index)
        explanations = seen.explanations
        heat = self._canvas.to_image(seen.map, posed.image.shape[0], posed.image.shape[1])
        if self._registration:
            heat = self._registration.restore(heat, posed.height, posed.width, posed.placement)
            if posed.placement is None:
                explanations = (NO_PRODUCT, *explanations)
        return Score(float(found.fused[index]), self.threshold, branches, heat, explanations)


def _registration(folder: Path) -> Registration | None:
    """What brings products to one pose; None where they lie alike, and then its libraries are not loaded."""
    arrays = read_arrays(folder, REGISTRATION)
    if not arrays:
        return None
    from csad.imaging.registration import Registration

    return Registration.from_arrays({name: values.astype(np.float64) for name, values in arrays.items()})
