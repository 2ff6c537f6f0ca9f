import numpy as np
import pytest
import torch
from PIL import Image

from csad.common.errors import DatasetError
from csad.lgst.paper.penalty_source import FromPictures, FromProduct, penalty_files, penalty_source

PRODUCT = torch.full((2, 3, 64, 64), 0.5)


def test_the_packaged_substitute_is_photographs_of_the_installation():
    files = penalty_files("packaged")
    assert len(files) == 13
    assert all(file.is_file() for file in files)


def test_a_folder_gives_its_images_and_a_line_without_one_its_own(tmp_path):
    Image.new("RGB", (20, 30), (255, 0, 0)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").touch()
    assert penalty_files(str(tmp_path)) == (tmp_path / "a.png",)
    assert penalty_files("product") == ()
    assert isinstance(penalty_source("product"), FromProduct)


@pytest.mark.parametrize(("make", "what"), [(False, "is not a folder"), (True, "holds no images")])
def test_a_folder_without_images_is_refused(tmp_path, make, what):
    folder = tmp_path / "imagenet"
    if make:
        folder.mkdir()
    with pytest.raises(DatasetError, match=f"lgst.penalty names .*imagenet, which {what}"):
        penalty_source(str(folder))


def test_pictures_are_cut_to_the_size_and_some_lose_their_colour(tmp_path):
    Image.new("RGB", (20, 30), (255, 0, 0)).save(tmp_path / "red.png")
    source, generator = FromPictures((tmp_path / "red.png",)), torch.Generator().manual_seed(0)
    drawn = torch.cat([source.draw(PRODUCT, (40, 24), generator) for _ in range(50)])
    assert drawn.shape == (100, 3, 40, 24)
    # Grey of pure red is a third in each channel; 30 of 100 are expected, 4.6 is the deviation.
    grey = [bool(torch.allclose(picture, torch.full_like(picture, 1 / 3), atol=0.01)) for picture in drawn]
    assert 15 <= sum(grey) <= 45
    red = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, 40, 24)
    assert all(one or torch.allclose(picture, red, atol=0.01) for picture, one in zip(drawn, grey, strict=True))


def test_the_same_generator_draws_the_same(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    source = FromPictures((tmp_path / "a.png",))
    first, second = (source.draw(PRODUCT, (33, 33), torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first, second)
