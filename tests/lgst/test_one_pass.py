import numpy as np
import pytest
import torch

from csad.imaging.canvas import Canvas
from csad.imaging.canvas_store import CanvasStore, to_tensor
from csad.lgst import one_pass
from csad.lgst.copies import COPIES, copy_of
from csad.lgst.memory_bank import MEMORY_LAYERS, MemoryBankFit
from csad.lgst.one_pass import OnePass
from csad.lgst.pca import pool

from .toy import ToyBackbone, fit_teacher, toy_images

GROUPS = (0, 1, 1, 2, 3)
SIZE = (64, 64)


class CountingBackbone(ToyBackbone):
    """Counts the images that it sees."""

    def __init__(self):
        super().__init__()
        self.seen = 0

    def forward(self, image):
        self.seen += len(image)
        return super().forward(image)


@pytest.fixture
def pixels():
    return [(255 * image).permute(1, 2, 0).to(torch.uint8).numpy() for image in toy_images(5, seed=0)]


@pytest.fixture
def canvases(pixels, monkeypatch):
    monkeypatch.setattr(one_pass, "BATCH", 2)
    with CanvasStore(Canvas((0, 0, 1, 1), *SIZE), pixels) as store:
        yield store


def line_with(line, **changes):
    return line.model_copy(update={"lgst": line.lgst.model_copy(update={"coreset_size": 30, **changes})})


def shown(pixels):
    """Batches of two images, each with its copies: the indices of the images, and canvases (B, 3, h, w)."""
    generator = torch.Generator().manual_seed(0)
    for start in range(0, 5, 2):
        batch = to_tensor(np.stack(pixels[start : start + 2]))
        indices = list(range(start, start + len(batch)))
        yield indices, batch
        for _ in range(COPIES):
            yield indices, copy_of(batch, generator)


def test_every_image_and_copy_is_looked_at_once(tiny_line, canvases):
    backbone = CountingBackbone()

    OnePass(line_with(tiny_line), backbone, canvases, GROUPS, range(5), seed=0)

    assert backbone.seen == 5 * (1 + COPIES)


def test_the_teacher_is_measured_on_the_images_and_not_on_their_copies(tiny_line, canvases, pixels):
    settings = tiny_line.lgst
    images = to_tensor(np.stack(pixels))

    teacher = OnePass(line_with(tiny_line), ToyBackbone(), canvases, GROUPS, range(5), seed=0).teacher

    alone = fit_teacher(ToyBackbone(), [images], settings.channels, 0, settings.grid)
    torch.testing.assert_close(teacher(images), alone(images))


def test_memory_banks_are_those_of_images_and_copies_with_their_groups(tiny_line, canvases, pixels):
    backbone = ToyBackbone()
    fit = MemoryBankFit(MEMORY_LAYERS, 5 * (1 + COPIES), 30, seed=0)
    for indices, batch in shown(pixels):
        fit.add([GROUPS[index] for index in indices], backbone(batch))
    expected = fit.build()

    banks = OnePass(line_with(tiny_line), backbone, canvases, GROUPS, range(5), seed=0).memory_banks

    assert banks.keys() == expected.keys()
    for name, bank in banks.items():
        assert torch.equal(bank.patches, expected[name].patches)
        assert torch.equal(bank.sources, expected[name].sources)


def test_pooled_maps_are_averages_of_the_teachers_features_each_with_the_place_of_its_image(
    tiny_line, canvases, pixels
):
    seen = OnePass(line_with(tiny_line), ToyBackbone(), canvases, GROUPS, [0, 3, 4], seed=0)

    maps, places = seen.pooled_maps()

    wanted = [
        (place, pool(seen.teacher(batch[row : row + 1]))[0])
        for indices, batch in shown(pixels)
        for row, image in enumerate(indices)
        for place in ([0, 3, 4].index(image) for _ in range(image in (0, 3, 4)))
    ]
    assert places.tolist() == [place for place, _ in wanted]
    torch.testing.assert_close(maps, torch.stack([values for _, values in wanted]), atol=1e-5, rtol=1e-5)


def test_without_memory_banks_only_the_pooled_images_are_copied(tiny_line, canvases):
    backbone = CountingBackbone()

    seen = OnePass(line_with(tiny_line, local_student="none"), backbone, canvases, GROUPS, [1, 4], seed=0)

    assert backbone.seen == 5 + 2 * COPIES
    assert seen.pooled_maps()[1].tolist() == [0] * (1 + COPIES) + [1] * (1 + COPIES)
    assert seen.memory_banks == {}


def test_without_any_of_our_students_no_image_is_copied(tiny_line, canvases):
    backbone = CountingBackbone()

    OnePass(line_with(tiny_line, local_student="pdn"), backbone, canvases, GROUPS, [], seed=0)

    assert backbone.seen == 5
