import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from csad.common.errors import ImageError
from csad.config.settings import ImageSettings
from csad.images import ImageFile, read_rgb, scan
from csad.images.canvases import open_canvases
from csad.images.records import FittedCanvas
from csad.images.training_images import SAMPLE, canvas_of, evenly_spaced, sample_images
from csad.imaging.canvas import Canvas

PIXEL = np.zeros((1, 1, 3), np.uint8)


@pytest.fixture(scope="module")
def images(tiny_line, tiny_line_data):
    return scan(tiny_line_data, tiny_line)


def test_indices_are_spread_from_the_first_to_the_last():
    assert evenly_spaced(5, 3) == [0, 2, 4]
    assert evenly_spaced(3, 5) == [0, 1, 2]
    assert evenly_spaced(1000, 500)[-1] == 999


def test_a_few_images_are_all_sampled(tiny_line, images):
    assert len(sample_images(tiny_line, images.train).images) == 10


def test_many_images_are_sampled_evenly_from_the_first_to_the_last(tiny_line, images, monkeypatch):
    files = [images.train[index % 10] for index in range(10 * SAMPLE)]
    read = []
    monkeypatch.setattr("csad.images.training_images.read_rgb", lambda path, max_pixels: read.append(path) or PIXEL)

    sample_images(tiny_line, files)

    assert len(read) == SAMPLE
    assert (read[0], read[-1]) == (files[0].path, files[-1].path)


def test_images_of_up_to_a_megapixel_are_sampled_as_they_are(tiny_line, images):
    sample = sample_images(tiny_line, images.train)

    for file, image, size in zip(images.train, sample.images, sample.sizes, strict=True):
        assert np.array_equal(image, read_rgb(file.path))
        assert size == image.shape[:2]


def test_larger_images_are_sampled_small_and_one_is_held_at_a_time(tiny_line, images, monkeypatch):
    shape = (2000, 3000, 3)  # 18 MB
    monkeypatch.setattr("csad.images.training_images.read_rgb", lambda path, max_pixels: np.zeros(shape, np.uint8))
    tracemalloc.start()

    sample = sample_images(tiny_line, images.train)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sample.sizes == ((2000, 3000),) * 10
    assert {image.shape for image in sample.images} == {(836, 1254, 3)}
    assert peak < 5 * np.prod(shape)


def test_the_canvas_may_show_more_than_the_working_size_of_a_large_image(tiny_line, images, monkeypatch):
    line = tiny_line.model_copy(update={"images": ImageSettings(area=2048 * 2048, product_box="full")})
    monkeypatch.setattr(
        "csad.images.training_images.read_rgb", lambda path, max_pixels: np.zeros((2048, 2048, 3), np.uint8)
    )

    canvas = sample_images(line, images.train[:1]).canvas(line)

    assert (canvas.height, canvas.width) == (2048, 2048)


def test_the_same_files_give_the_same_canvas(tiny_line, images):
    canvas = canvas_of(tiny_line, images)

    assert canvas == canvas_of(tiny_line, images)
    left, top, right, bottom = canvas.box
    # The parts of all images lie within columns 19 to 108 and rows 19 to 104 of 128, give or take the margin.
    assert 0.05 < left < 0.2
    assert 0.05 < top < 0.2
    assert 0.8 < right < 0.9
    assert 0.75 < bottom < 0.88


def test_a_canvas_that_was_fitted_for_the_lines_settings_is_taken_and_another_is_not(tiny_line, images):
    fitted = FittedCanvas((0.0, 0.0, 0.5, 0.5), 64, 96, tiny_line.section_digest("images"))
    other = tiny_line.model_copy(update={"images": ImageSettings(area=65536)})

    assert canvas_of(tiny_line, replace(images, canvas=fitted)) == Canvas((0.0, 0.0, 0.5, 0.5), 64, 96)
    assert canvas_of(other, replace(images, canvas=fitted)) == canvas_of(other, images)


def test_canvases_come_in_the_order_of_the_files(tiny_line, images):
    canvas = canvas_of(tiny_line, images)
    files = images.train[3], images.train[1]

    with open_canvases(tiny_line, canvas, files) as canvases, open_canvases(tiny_line, canvas, files[::-1]) as reverse:
        assert len(canvases) == 2
        assert canvases[0].shape == (canvas.height, canvas.width, 3)
        assert np.array_equal(canvases[0], reverse[1])
        assert not np.array_equal(canvases[0], canvases[1])


def test_a_file_that_vanished_is_named(tiny_line, images, tmp_path):
    gone = ImageFile("gone", tmp_path / "gone.png", "train", "good")

    with pytest.raises(ImageError, match=r"gone\.png"):
        open_canvases(tiny_line, canvas_of(tiny_line, images), [gone])
