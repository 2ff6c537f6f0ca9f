import pytest

from csad.common.errors import DatasetError
from csad.scoring.model_files import MANIFEST
from csad.stages.training import train


@pytest.mark.parametrize("output", ["data/model", "data/train/good/model", "link/model"])
def test_a_model_is_not_trained_into_its_own_images(tiny_line, tmp_path, output):
    (tmp_path / "data/train/good").mkdir(parents=True)
    (tmp_path / "link").symlink_to("data")

    with pytest.raises(DatasetError, match=r"--output .* lies in .*data, whose images are read"):
        train(tiny_line, tmp_path / "data", tmp_path / output, 0)

    assert not list(tmp_path.rglob("model*"))


def test_the_stages_of_a_model_do_not_lie_among_the_images_either(tiny_line, tmp_path):
    (tmp_path / "kit.stages").mkdir()

    with pytest.raises(DatasetError, match=r"--output .*kit\.stages lies in"):
        train(tiny_line, tmp_path / "kit.stages", tmp_path / "kit", 0)


def test_a_model_does_not_take_the_place_of_a_folder_that_holds_its_images(tiny_line, tmp_path):
    (tmp_path / "model/photos").mkdir(parents=True)
    (tmp_path / "model" / MANIFEST).touch()

    with pytest.raises(DatasetError, match="is replaced as a whole"):
        train(tiny_line, tmp_path / "model/photos", tmp_path / "model", 0)
