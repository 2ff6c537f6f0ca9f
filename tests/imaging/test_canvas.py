import io
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from csad.common.errors import CsadError, ImageError
from csad.imaging.canvas import Canvas, find_product_box, fit_canvas
from csad.imaging.canvas_store import CanvasStore, to_tensor
from csad.runner.files import translate_os_errors

FULL = (0.0, 0.0, 1.0, 1.0)


def plain(height, width, value=200):
    return np.full((height, width, 3), value, np.uint8)


def with_square(top, left, side=40, height=100, width=200):
    """A red square on grey."""
    image = plain(height, width)
    image[top : top + side, left : left + side] = (200, 20, 20)
    return image


def test_the_pixel_box_follows_the_size_of_the_image():
    canvas = Canvas((0.25, 0.1, 0.75, 0.5), 64, 64)

    assert canvas.pixel_box(100, 200) == (50, 10, 150, 50)
    assert canvas.pixel_box(10, 20) == (5, 1, 15, 5)


@given(
    corners=st.tuples(*[st.floats(0, 1) for _ in range(4)]).filter(lambda c: c[0] < c[2] and c[1] < c[3]),
    height=st.integers(1, 50),
    width=st.integers(1, 50),
)
def test_the_pixel_box_lies_inside_the_image_and_holds_a_pixel(corners, height, width):
    left, top, right, bottom = Canvas(corners, 64, 64).pixel_box(height, width)

    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_drawing_crops_and_resizes():
    image = plain(100, 200, 0)
    image[:, 100:] = 250

    drawn = Canvas((0.5, 0.0, 1.0, 1.0), 64, 96).to_input(image)

    assert drawn.shape == (64, 96, 3)
    assert drawn.dtype == np.uint8
    assert (drawn[:, 2:] == 250).all(), "nothing of the left half shows"


def test_labels_are_drawn_without_new_values():
    labels = np.zeros((90, 90), np.uint8)
    labels[:, 45:] = 7

    drawn = Canvas(FULL, 64, 64).labels_to_input(labels)

    assert set(np.unique(drawn)) == {0, 7}
    assert (drawn[:, :32] == 0).all()
    assert (drawn[:, 32:] == 7).all()


def test_a_map_comes_back_to_its_place_and_is_zero_outside_the_box():
    canvas = Canvas((0.5, 0.0, 1.0, 0.5), 64, 64)

    back = canvas.to_image(np.full((16, 16), 3, np.float32), 100, 200)

    assert back.shape == (100, 200)
    assert back[:50, 100:] == pytest.approx(3)
    assert back[50:].max() == 0
    assert back[:, :100].max() == 0


def test_drawing_and_undrawing_keeps_the_place_of_a_spot():
    image = plain(120, 200, 0)
    image[90:100, 150:160] = 255
    canvas = Canvas((0.2, 0.1, 0.9, 0.95), 128, 160)

    back = canvas.to_image(canvas.to_input(image)[..., 0].astype(np.float32), 120, 200)

    row, column = np.unravel_index(back.argmax(), back.shape)
    assert 89 <= row <= 100
    assert 149 <= column <= 160


def test_the_canvas_keeps_the_aspect_ratio_in_multiples_of_32():
    canvas = fit_canvas([plain(400, 800)], area=128 * 256, product_box="full")

    assert (canvas.box, canvas.height, canvas.width) == (FULL, 128, 256)


def test_small_images_are_not_enlarged():
    canvas = fit_canvas([plain(96, 96)], area=512 * 512, product_box="full")

    assert (canvas.height, canvas.width) == (96, 96)


def test_a_fixed_box_is_taken_as_it_is():
    canvas = fit_canvas([plain(200, 400)], area=64 * 64, product_box=(0.5, 0.0, 1.0, 1.0))

    assert canvas == Canvas((0.5, 0.0, 1.0, 1.0), 64, 64)


def test_images_of_several_sizes_share_the_median_ones_canvas():
    canvas = fit_canvas([plain(100, 100), plain(64, 128), plain(64, 128)], area=10**6, product_box="full")

    assert (canvas.height, canvas.width) == (64, 128)


def test_the_product_box_holds_the_product_of_every_image():
    box = find_product_box([with_square(20, 40), with_square(40, 60)])

    # Columns 40 to 100 of 200, rows 20 to 80 of 100, and a margin of 3 % on each side.
    assert box == pytest.approx((0.17, 0.17, 0.53, 0.83), abs=0.015)


def test_the_whole_image_is_the_box_where_nothing_stands_out_or_the_product_fills_it():
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)

    assert find_product_box([plain(100, 100)]) == FULL
    assert find_product_box([noise]) == FULL
    assert find_product_box([with_square(5, 5, side=90, height=100, width=100)]) == FULL


def test_the_store_gives_each_canvas_back_and_goes_through_them_in_order():
    images = [plain(64, 64, value) for value in (10, 20, 30)]

    with CanvasStore(Canvas(FULL, 64, 64), iter(images)) as store:
        assert len(store) == 3
        assert [int(store[index].mean()) for index in range(3)] == [10, 20, 30]
        batches = list(store.batches(2))

    assert [tuple(batch.shape) for batch in batches] == [(2, 3, 64, 64), (1, 3, 64, 64)]
    assert batches[1].unique().item() == pytest.approx(30 / 255)


def test_some_canvases_come_in_the_order_asked_for():
    images = [np.full((64, 64, 3), value, np.uint8) for value in (10, 20, 30)]

    with CanvasStore(Canvas((0, 0, 1, 1), 64, 64), images) as store:
        (batch,) = store.batches(2, [2, 0])

    assert [round(float(255 * canvas.mean())) for canvas in batch] == [30, 10]


KILLED = """
import os, signal
import numpy as np
from csad.imaging.canvas import Canvas
from csad.imaging.canvas_store import CanvasStore

def end():
    os.kill(os.getpid(), signal.SIGKILL)

def images():
    for number in range(2):
        yield np.zeros((256, 256, 3), np.uint8)
    if {while_writing}:
        end()

with CanvasStore(Canvas((0.0, 0.0, 1.0, 1.0), 256, 256), images()) as store:
    assert len(store[1]) == 256
    end()
"""


@pytest.mark.parametrize("while_writing", [True, False])
def test_a_killed_process_leaves_no_canvases(while_writing, tmp_path):
    script = KILLED.format(while_writing=while_writing)

    ended = subprocess.run([sys.executable, "-c", script], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)

    assert ended.returncode == -signal.SIGKILL
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not list open files")
@pytest.mark.parametrize("failing", [False, True])
def test_the_store_lies_in_the_temporary_folder_and_is_freed_at_the_end(failing, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def open_here():
        links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return [link for link in links if str(tmp_path) in link]

    def images():
        yield plain(64, 64)
        assert open_here()
        if failing:
            raise ImageError("the second image is damaged")
        yield plain(64, 64)

    if failing:
        with pytest.raises(ImageError):
            CanvasStore(Canvas(FULL, 64, 64), images())
    else:
        store = CanvasStore(Canvas(FULL, 64, 64), images())
        with store:
            assert open_here()
            assert store[1].shape == (64, 64, 3)
            # A mapped file would count as memory of the process.
            assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    assert not open_here()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_temporary_folder_is_an_error_that_names_it_and_not_the_end_of_the_process(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda buffering: io.FileIO("/dev/full", "r+"))

    message = rf"in {tmp_path}: No space left on device; free some space there .* TMPDIR"
    with pytest.raises(CsadError, match=message), translate_os_errors(Path("lgst.partial")):
        CanvasStore(Canvas(FULL, 64, 64), [plain(64, 64)])


def test_a_temporary_folder_that_refuses_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(CsadError, match=r"cannot keep images in .*/gone: No such file or directory"):
        CanvasStore(Canvas(FULL, 64, 64), [plain(64, 64)])


def test_pixels_become_numbers_from_0_to_1():
    canvases = np.zeros((1, 2, 3, 3), np.uint8)
    canvases[0, 1, 2] = (255, 51, 0)

    tensor = to_tensor(canvases)

    assert tensor.shape == (1, 3, 2, 3)
    assert tensor.dtype == torch.float32
    torch.testing.assert_close(tensor[0, :, 1, 2], torch.tensor([1.0, 0.2, 0.0]))
