"""The loaded model of a service: one `csad.scoring.scorer.Scorer`, its name and how many processors it uses."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from csad.compute.cpu import usable_cpus
from csad.compute.malloc import release_freed_memory
from csad.serving.schemas import ModelAnswer, ModelName

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from csad.scoring.scorer import Score
    from csad.serving.settings import ServingSettings

METRICS = "metrics.json"
"""Beside the model folder: figures of the evaluation, name -> number, put there by whoever packs the model."""

_log = logging.getLogger(__name__)


class ServedModel:
    """A scorer with the processors divided among the batches that run at the same time.

    Attributes:
        name: Line and version.
        card: What /model answers.
        lanes: Batches that may run at a time.
        max_batch: Images in one batch.
        max_pixels: The largest image that the line accepts.
        heat_scale: What the colours of every explanation stand for.
    """

    def __init__(self, settings: ServingSettings) -> None:
        """Load the folder and score one blank image, so that the first request is as quick as the next.

        Raises:
            ModelFolderError: The folder is missing, incomplete or damaged.
            DeviceError: There is no such device.
        """
        from csad.imaging.heat import HeatScale
        from csad.scoring.scorer import Scorer

        self._cpus = usable_cpus()
        self._scorer = Scorer.load(settings.model_folder, settings.device, settings.runtime)
        self._runtime = self._scorer.runtime
        self._runtime.use_threads(self._cpus)
        manifest = self._scorer.manifest
        on_cpu = settings.device == "cpu"
        self.lanes = min(self._cpus, 4) if on_cpu else 1
        self.max_batch = settings.max_batch or self._runtime.batch
        self.max_pixels = self._scorer.line.images.max_pixels
        self.heat_scale = HeatScale.of_model(self._scorer.normal_tail)
        version = settings.model_version or f"local-{manifest.checksum[:8]}"
        self.name = ModelName(line=self._scorer.line.name, version=version)
        figures = read_metrics(settings.model_folder.parent / METRICS)
        self.card = ModelAnswer.of(manifest, self.name, figures, self._runtime.described())
        canvas = manifest.canvas
        self.score_images([np.full((canvas.height, canvas.width, 3), 128, np.uint8)], busy=1)
        release_freed_memory()
        _log.info(
            "%s %s is ready on %s with %d threads, computed by %s",
            self.name.line,
            version,
            settings.device,
            self._cpus,
            self._runtime.described(),
        )

    def score_images(self, images: Sequence[NDArray[np.uint8]], busy: int) -> list[Score]:
        """Score a batch.

        Args:
            images: uint8 (H, W, 3) each.
            busy: Batches that run now, this one included; each gets its part of the processors.
        """
        self._runtime.use_threads(max(1, self._cpus // busy))
        return self._scorer.score_batch(images)


def read_metrics(path: Path) -> dict[str, float | None]:
    """Read the figures of an evaluation; none where there is no readable file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): None if value is None else float(value) for name, value in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _log.warning("%s cannot be read as figures (%s); /model shows none", path, error)
        return {}
