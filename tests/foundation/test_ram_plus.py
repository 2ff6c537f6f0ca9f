"""Our RAM++ against the authors': references from benchmarks/ram_plus_reference.py."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.ram_plus_reference import (
    COMPUTED,
    FULL,
    FULL_SEED,
    THRESHOLDS,
    TINY,
    TINY_SEED,
    Size,
    seeded_images,
    seeded_state,
)
from csad.foundation.ram_plus.architecture import RamPlusArchitecture, SwinArchitecture
from csad.foundation.ram_plus.model import RamPlus
from csad.foundation.ram_plus.reweighting import reweighted_labels
from csad.foundation.ram_plus.windows import MASKED, merge, partition, relative_positions, shift_mask

DATA = Path(__file__).parent / "data"
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def reference():
    with np.load(DATA / "ram_plus_reference.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def architecture_of(size: Size) -> RamPlusArchitecture:
    return RamPlusArchitecture(
        SwinArchitecture(size.image, window=size.window, width=size.width, depths=size.depths, heads=size.heads),
        tags=size.tags,
        hidden=size.hidden,
        intermediate=size.intermediate,
    )


def seeded_model(size: Size, seed: int) -> RamPlus:
    with torch.device("meta"):
        model = RamPlus(architecture_of(size))
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    state = {name: torch.from_numpy(values) for name, values in seeded_state(shapes, seed).items()}
    found = model.load_state_dict(state, strict=False, assign=True)
    assert all(name.rpartition(".")[2] in COMPUTED for name in found.missing_keys)
    return model


def test_the_tiny_network_answers_as_the_authors_does(reference):
    model = seeded_model(TINY, TINY_SEED)
    images = torch.from_numpy(seeded_images(2, TINY.image))

    tokens = model.image_proj(model.visual_encoder(images))
    logits = model(images)

    assert np.abs(tokens.numpy() - reference["tiny_tokens"]).max() <= TOLERANCE
    assert np.abs(logits.numpy() - reference["tiny_logits"]).max() <= TOLERANCE
    found = logits.sigmoid() > torch.tensor(THRESHOLDS)
    assert found.int().tolist() == reference["tiny_tags"].tolist()
    assert 0 < found.sum() < found.numel()


@pytest.mark.slow
def test_the_published_size_answers_as_the_authors_does(reference):
    model = seeded_model(FULL, FULL_SEED)

    logits = model(torch.from_numpy(seeded_images(1, FULL.image)))

    assert np.abs(logits.numpy() - reference["full_logits"]).max() <= TOLERANCE
    assert reference["full_logits"].std() > 100 * TOLERANCE


def test_names_and_shapes_are_those_of_the_published_weights():
    published = json.loads(gzip.decompress((DATA / "ram_plus_published.json.gz").read_bytes()))
    with torch.device("meta"):
        model = RamPlus(RamPlusArchitecture())

    assert {name: list(tensor.shape) for name, tensor in model.state_dict().items()} == published


def test_the_answer_to_an_image_does_not_depend_on_the_others_of_its_batch():
    model = seeded_model(TINY, TINY_SEED)
    images = torch.from_numpy(seeded_images(2, TINY.image))

    assert torch.allclose(model(images)[1:], model(images[1:]), atol=1e-5)


def test_windows_are_cut_row_by_row_and_put_back():
    grid = torch.arange(16.0).view(1, 4, 4, 1)

    windows = partition(grid, 2)

    assert windows[0, :, :, 0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert torch.equal(merge(windows, 4), grid)


def test_relative_positions_of_a_two_by_two_window():
    # Offsets run from -1 to 1 in both directions: rows of a table of nine, the centre is 4.
    assert relative_positions(2).tolist() == [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]


def test_after_a_shift_only_true_neighbours_see_each_other():
    mask = shift_mask(side=4, window=2, shift=1)

    assert mask[0].tolist() == [[0, 0, 0, 0]] * 4
    assert mask[1][0].tolist() == [0, MASKED, 0, MASKED]
    assert mask[3][0].tolist() == [0, MASKED, MASKED, MASKED]


def test_the_description_nearest_to_the_image_counts_most():
    image = torch.tensor([[2.0, 0.0]])
    descriptions = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])

    assert torch.allclose(reweighted_labels(image, descriptions, torch.tensor(0.0)), torch.tensor([[[0.5, 0.5]]]))
    sharp = reweighted_labels(image, descriptions, torch.tensor(50.0))
    assert torch.allclose(sharp, torch.tensor([[[1.0, 0.0]]]), atol=1e-6)
