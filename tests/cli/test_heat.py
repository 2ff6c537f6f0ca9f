import numpy as np
from PIL import Image

from csad.cli.heat import write_heat
from csad.imaging.heat import HeatScale

GREY = np.full((3, 5, 3), 90, np.uint8)


def test_the_picture_is_written_with_its_folder(tmp_path):
    path = tmp_path / "maps" / "größe.jpg.png"
    write_heat(path, GREY, np.zeros((3, 5), np.float32), HeatScale(0.0, 1.0))
    np.testing.assert_array_equal(np.asarray(Image.open(path)), GREY)
