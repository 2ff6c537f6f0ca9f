import numpy as np
import pytest
import torch

from csad.common.errors import DatasetError
from csad.imaging.canvas import Canvas
from csad.imaging.canvas_store import CanvasStore
from csad.lgst.paper.sampling import CanvasImages, Window, read_batch, step_generator, step_indices


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own():
    epochs = [[index for step in range(5) for index in step_indices(10, 2, 3, 5 * epoch + step)] for epoch in range(2)]

    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert epochs[0] != epochs[1]


def test_a_batch_may_be_larger_than_the_set():
    assert step_indices(1, 3, seed=0, step=4) == [0, 0, 0]


def test_draws_depend_on_seed_and_step_alone():
    def first(seed, step):
        return float(torch.rand(1, generator=step_generator(seed, step)))

    assert first(1, 5) == first(1, 5)
    assert len({first(1, 5), first(1, 6), first(2, 5)}) == 3


def test_windows_stay_on_the_grid_and_reach_its_corners():
    generator = torch.Generator().manual_seed(0)
    windows = [Window.draw((4, 6), side=24, stride=8, generator=generator) for _ in range(100)]

    assert {(window.rows, window.columns) for window in windows} == {(3, 3)}
    assert {window.top for window in windows} == {0, 1}
    assert {window.left for window in windows} == {0, 1, 2, 3}


def test_a_window_is_never_larger_than_the_grid():
    window = Window.draw((4, 6), side=1000, stride=8, generator=torch.Generator())

    assert (window.top, window.left, window.rows, window.columns) == (0, 0, 4, 6)


def test_a_window_cuts_the_cells_and_the_pixels_that_they_see():
    window = Window(top=1, left=2, rows=2, columns=3, stride=8)
    rows = torch.arange(57.0).reshape(1, 1, 57, 1).expand(1, 1, 57, 73)

    cut = window.of_padded(rows)

    # Two rows of 8 pixels and the 25 pixels that a patch of 33 sees beyond its own 8.
    assert cut.shape[-2:] == window.pixels == (41, 49)
    assert cut[0, 0, :, 0].tolist() == list(range(8, 49))
    assert window.of_map(torch.arange(24).reshape(1, 1, 4, 6))[0, 0].tolist() == [[8, 9, 10], [14, 15, 16]]


def test_images_of_another_size_are_named():
    images = [torch.zeros(3, 32, 32), torch.zeros(3, 32, 64)]

    with pytest.raises(DatasetError, match=r"image 1 has the shape \(3, 32, 64\), expected \(3, 32, 32\)"):
        read_batch(images, [0, 1], (32, 32))


def test_stored_canvases_are_read_as_tensors():
    pictures = [np.full((32, 64, 3), value, dtype=np.uint8) for value in (0, 255)]
    with CanvasStore(Canvas((0.0, 0.0, 1.0, 1.0), 32, 64), pictures) as store:
        images = CanvasImages(store)

        assert len(images) == 2
        assert images[1].shape == (3, 32, 64)
        assert float(images[0].max()) == 0
        assert float(images[1].min()) == 1
