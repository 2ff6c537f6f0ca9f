"""Our RAM++ against the authors': references from benchmarks/ram_plus_reference.py."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

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
from csad.foundation.ram_plus.loading import load_ram_plus
from csad.foundation.ram_plus.model import RamPlus
from csad.foundation.ram_plus.reweighting import reweighted_labels
from csad.foundation.ram_plus.swin import published_prefixes
from tests.foundation.tiny_ram_plus import published_state

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


def seeded_model(size: Size, seed: int, folder: Path) -> RamPlus:
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in published_state(RamPlus(architecture_of(size))).items()}
    state = {name: torch.from_numpy(values) for name, values in seeded_state(shapes, seed).items()}
    save_file(state, folder / "seeded.safetensors")
    model, _ = load_ram_plus(folder / "seeded.safetensors", architecture_of(size), torch.device("cpu"))
    return model


def test_the_tiny_network_answers_as_the_authors_does(reference, tmp_path):
    model = seeded_model(TINY, TINY_SEED, tmp_path)
    images = torch.from_numpy(seeded_images(2, TINY.image))

    tokens = model.image_proj(model.visual_encoder(images))
    logits = model(images)

    assert np.abs(tokens.numpy() - reference["tiny_tokens"]).max() <= TOLERANCE
    assert np.abs(logits.numpy() - reference["tiny_logits"]).max() <= TOLERANCE
    found = logits.sigmoid() > torch.tensor(THRESHOLDS)
    assert found.int().tolist() == reference["tiny_tags"].tolist()
    assert 0 < found.sum() < found.numel()


@pytest.mark.slow
def test_the_published_size_answers_as_the_authors_does(reference, tmp_path):
    model = seeded_model(FULL, FULL_SEED, tmp_path)

    logits = model(torch.from_numpy(seeded_images(1, FULL.image)))

    assert np.abs(logits.numpy() - reference["full_logits"]).max() <= TOLERANCE
    assert reference["full_logits"].std() > 100 * TOLERANCE


def test_names_and_shapes_are_those_of_the_published_weights():
    published = json.loads(gzip.decompress((DATA / "ram_plus_published.json.gz").read_bytes()))
    with torch.device("meta"):
        model = RamPlus(RamPlusArchitecture())

    filled = {name: shape for name, shape in published.items() if name.rpartition(".")[2] not in COMPUTED}
    assert {name: list(tensor.shape) for name, tensor in published_state(model).items()} == filled


def test_the_answer_to_an_image_does_not_depend_on_the_others_of_its_batch(tmp_path):
    model = seeded_model(TINY, TINY_SEED, tmp_path)
    images = torch.from_numpy(seeded_images(2, TINY.image))

    assert torch.allclose(model(images)[1:], model(images[1:]), atol=1e-5)


def test_a_grid_is_halved_at_the_end_of_a_stage_in_the_file_and_at_the_beginning_of_the_next_one_here():
    prefixes = published_prefixes(SwinArchitecture(depths=(2, 2, 2)))

    assert prefixes == {
        "visual_encoder.": "visual_encoder.swin.",
        "visual_encoder.layers.0.downsample.": "visual_encoder.swin.layers.1.downsample.",
        "visual_encoder.layers.1.downsample.": "visual_encoder.swin.layers.2.downsample.",
    }


def test_the_description_nearest_to_the_image_counts_most():
    image = torch.tensor([[2.0, 0.0]])
    descriptions = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])

    assert torch.allclose(reweighted_labels(image, descriptions, torch.tensor(0.0)), torch.tensor([[[0.5, 0.5]]]))
    sharp = reweighted_labels(image, descriptions, torch.tensor(50.0))
    assert torch.allclose(sharp, torch.tensor([[[1.0, 0.0]]]), atol=1e-6)
