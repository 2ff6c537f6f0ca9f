"""Draws a line as a data set in LOCO layout, whole or not at all.

The images are <line>/train/good/000.jpg and so on, and in test/logical_anomalies and test/structural_anomalies those
with a defect; <line>/ground_truth/<kind>/000/000.png is 255 where the image of that number is wrong. <line>/drawn.json
says how the line was drawn, and which defect each image has.
"""

import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from csad.common.errors import CsadError
from csad.common.progress import track
from drawn_lines.camera import Photograph
from drawn_lines.drawing import Drawing, DrawnLine

RECORD = "drawn.json"
LEAST_TRAINING_IMAGES = 2
OTHERS = 4
"""There is one image of every other kind for so many training images."""


class Record(BaseModel):
    """How a line was drawn.

    Attributes:
        line: Its name.
        seed: Random seed of all pictures.
        images: Number of training images.
        defects: Kind of defect by picture, such as "test/logical_anomalies/000".
    """

    model_config = ConfigDict(frozen=True)

    line: str
    seed: int
    images: int
    defects: dict[str, str]


@dataclass(frozen=True)
class Picture:
    """One picture of a data set.

    Attributes:
        split: "train", "validation" or "test".
        kind: "good", "logical_anomalies" or "structural_anomalies".
        index: Within its folder, from 0.
        defect: One of the line's kinds of defects; None if good.
    """

    split: str
    kind: str
    index: int
    defect: str | None = None

    @property
    def key(self) -> str:
        """Path without extension, such as "train/good/000"."""
        return f"{self.split}/{self.kind}/{self.index:03d}"

    def seeds(self, line: str, seed: int) -> tuple[np.random.Generator, ...]:
        """Generators of the scene, the defect and the camera; no other picture shares them or moves them."""
        place = zlib.crc32(f"{line}/{self.split}/{self.kind}".encode())
        return tuple(np.random.default_rng([place, self.index, seed]).spawn(3))


def pictures(line: DrawnLine, images: int) -> Iterator[Picture]:
    """All pictures of a data set with so many training images; a line's defects take turns."""
    others = max(1, images // OTHERS)
    for split, count in (("train", images), ("validation", others), ("test", others)):
        for index in range(count):
            yield Picture(split, "good", index)
    for kind, defects in (("logical_anomalies", line.logical), ("structural_anomalies", line.structural)):
        for index in range(others):
            yield Picture("test", kind, index, defects[index % len(defects)])


def draw_scene(name: str, line: DrawnLine, picture: Picture, seed: int) -> Drawing:
    """Draw what the camera is pointed at."""
    scene, odd, _ = picture.seeds(name, seed)
    return line.draw(scene, odd, picture.defect)


def photograph(name: str, line: DrawnLine, picture: Picture, seed: int) -> Photograph:
    """Draw a picture as it is stored."""
    drawing = draw_scene(name, line, picture, seed)
    return line.camera.photograph(drawing.image, drawing.mask, picture.seeds(name, seed)[2])


def find(folder: Path) -> Record | None:
    """Read how a folder was drawn; None where it is not there.

    Raises:
        CsadError: Something else is there.
    """
    if not folder.exists():
        return None
    try:
        return Record.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise CsadError(f"{folder} was not drawn by this program; move it away or choose another --output") from error


def draw_line(name: str, line: DrawnLine, output: Path, seed: int, images: int) -> bool:
    """Draw a line unless it is there.

    Args:
        name: Name of the line, and of its folder.
        line: What to draw.
        output: Folder of all lines; the line's folder appears there when it is complete.
        seed: Random seed of all pictures.
        images: Number of training images; of every other kind there are a quarter as many.

    Returns:
        Whether it was drawn; False if it was there, drawn with the same settings.

    Raises:
        CsadError: It was drawn with other settings, or something else is there.
        OSError: The folder is read-only or full; what was begun is removed.
    """
    folder = output / name
    drawn = list(pictures(line, images))
    defects = {picture.key: picture.defect for picture in drawn if picture.defect}
    record = Record(line=name, seed=seed, images=images, defects=defects)
    earlier = find(folder)
    if earlier == record:
        return False
    if earlier:
        raise CsadError(
            f"{folder} was drawn with --seed {earlier.seed} --images {earlier.images}; "
            "remove it to draw it anew, or choose another --output"
        )
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=f".{name}-") as temporary:
        unfinished = Path(temporary) / name
        for picture in track(drawn, f"Drawing {name}"):
            _write(photograph(name, line, picture, seed), unfinished, picture)
        (unfinished / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
        unfinished.rename(folder)
    return True


def _write(photo: Photograph, root: Path, picture: Picture) -> None:
    path = root / f"{picture.key}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(photo.jpeg)
    if picture.defect:
        mask = root / "ground_truth" / picture.kind / f"{picture.index:03d}" / "000.png"
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo.mask.astype(np.uint8) * 255).save(mask)
