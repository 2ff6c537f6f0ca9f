import numpy as np
from click.testing import CliRunner
from PIL import Image

from csad.cli import main


def evaluate(*arguments):
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_every_test_image_has_a_float_map_of_its_size_in_the_folders_of_the_data(tiny_model, tiny_line_data, tmp_path):
    done = evaluate(tiny_model, "--data", tiny_line_data, "--save-maps", "tiff", tmp_path / "maps")
    assert done.exit_code == 0, done.output
    written = {file.relative_to(tmp_path / "maps/tiny").with_suffix("") for file in (tmp_path / "maps").rglob("*.tiff")}
    images = {file.relative_to(tiny_line_data).with_suffix("") for file in (tiny_line_data / "test").rglob("*.png")}
    assert written == images
    with Image.open(tmp_path / "maps/tiny/test/good/000.tiff") as read:
        assert (read.mode, read.size) == ("F", (128, 128))
        assert np.isfinite(np.asarray(read)).all()


def test_maps_do_not_go_into_the_data(tiny_model, tiny_line_data):
    done = evaluate(tiny_model, "--data", tiny_line_data, "--save-maps", "tiff", tiny_line_data / "test")
    assert done.exit_code == 1
    assert "--save-maps" in done.output
