"""Images are enlarged to the pixels that are asked for."""

import pytest
from PIL import Image

from benchmarks.large_images import enlarge


def test_images_are_enlarged_in_their_own_proportions(tmp_path):
    for split in ("train", "validation"):
        folder = tmp_path / "source" / split / "good"
        folder.mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (40, 20), (50 * number, 0, 0)).save(folder / f"{number}.png")

    enlarge(tmp_path / "source", tmp_path / "large", 80_000, 4)

    found = {
        str(path.relative_to(tmp_path / "large")): Image.open(path).size
        for path in sorted((tmp_path / "large").rglob("*.jpg"))
    }
    names = [*(f"train/good/{number}.jpg" for number in range(4)), *(f"validation/good/{n}.jpg" for n in range(2))]
    assert found == dict.fromkeys(names, (400, 200))
    red = Image.open(tmp_path / "large" / "train" / "good" / "3.jpg").getpixel((200, 100))
    assert red == pytest.approx((150, 0, 0), abs=4)
