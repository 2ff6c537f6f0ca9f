"""Anomaly maps as MVTec's own evaluation program reads them: a float TIFF per test image in the data set's folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from csad.common.atomic import replacing
from csad.images import ImageFile


class MapFiles:
    """Writes <folder>/<object>/test/<kind>/<image>.tiff, float32 (H, W) at the image's own size, not compressed.

    Args:
        folder: Its `anomaly_maps_dir`.
        name: Its `object_name`: the category, which is the name of the line.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name

    def write(self, image: ImageFile, scores: NDArray[np.float32]) -> Path:
        """Write one map.

        Args:
            image: A test image; its file's name without extension is kept, as the program pairs by it.
            scores: Larger is more anomalous, (H, W).

        Returns:
            The file.
        """
        path = self.folder / image.split / image.kind / f"{image.path.stem}.tiff"
        with replacing(path) as temporary, temporary.open("wb") as file:
            Image.fromarray(np.ascontiguousarray(scores, dtype=np.float32)).save(file, format="TIFF")
        return path
