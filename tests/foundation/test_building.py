"""The published architectures from files: complete, of the right network, without the hub."""

import logging

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from csad.common.errors import WeightsError
from csad.config.settings import FoundationSettings
from csad.foundation.building import (
    build_grounding,
    build_sam,
    foundation_device,
    model_file,
    recorded_digest,
    weights_folder,
)
from csad.weights.checkpoints import file_digest
from csad.weights.digests import Digests, record
from tests.foundation.tiny_models import SKIP, tiny_grounding_dino, write_toy_bert

CPU = torch.device("cpu")
IMAGE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.setenv("CSAD_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def vit_tiny():
    """SAM-HQ tiny with random weights, its attention biases among them."""
    package = pytest.importorskip("segment_anything_hq", reason=SKIP)
    torch.manual_seed(3)
    model = package.sam_model_registry["vit_tiny"]()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("attention_biases"):
                parameter.normal_(std=2)
    return model.eval()


@pytest.fixture
def small_swin(monkeypatch):
    """The published configuration with one layer of each kind."""
    config = pytest.importorskip("groundingdino.config.GroundingDINO_SwinT_OGC", reason=SKIP)
    for name, value in {"enc_layers": 1, "dec_layers": 1, "num_queries": 30}.items():
        monkeypatch.setattr(config, name, value)


def test_the_folder_of_the_line_goes_before_that_of_the_environment(weights, tmp_path):
    assert weights_folder(FoundationSettings()) == tmp_path
    (tmp_path / "other").mkdir()
    assert weights_folder(FoundationSettings(weights=str(tmp_path / "other"))) == tmp_path / "other"
    with pytest.raises(WeightsError, match="does not exist"):
        weights_folder(FoundationSettings(weights=str(tmp_path / "none")))


def test_a_converted_file_goes_before_the_published_one(tmp_path):
    (tmp_path / "sam_hq_vit_h.pth").touch()
    assert model_file(tmp_path, "sam_hq_vit_h").name == "sam_hq_vit_h.pth"
    (tmp_path / "sam_hq_vit_h.safetensors").touch()
    assert model_file(tmp_path, "sam_hq_vit_h").name == "sam_hq_vit_h.safetensors"
    with pytest.raises(WeightsError, match=r"holds no sam_hq_vit_b\.safetensors or sam_hq_vit_b\.pth"):
        model_file(tmp_path, "sam_hq_vit_b")


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_sam_answers_as_the_network_whose_weights_it_loads(weights, vit_tiny, suffix):
    if suffix == "pth":
        torch.save(vit_tiny.state_dict(), weights / "sam_hq_vit_tiny.pth")
    else:
        save_file(vit_tiny.state_dict(), weights / "sam_hq_vit_tiny.safetensors")
    sam = build_sam(FoundationSettings(sam="vit_tiny"), CPU)
    encoded = sam.encode(IMAGE)
    predictor = pytest.importorskip("segment_anything_hq", reason=SKIP).SamPredictor(vit_tiny)
    predictor.set_image(IMAGE)
    assert torch.allclose(encoded.features, predictor.get_image_embedding(), atol=1e-5)


def test_weights_of_another_sam_are_refused(weights, vit_tiny):
    torch.save(vit_tiny.state_dict(), weights / "sam_hq_vit_b.pth")
    with pytest.raises(WeightsError, match=r"sam_hq_vit_b\.pth does not fit Sam: .* are missing .* are unexpected"):
        build_sam(FoundationSettings(sam="vit_b"), CPU)


def test_a_truncated_file_is_refused(weights, vit_tiny):
    path = weights / "sam_hq_vit_tiny.pth"
    torch.save(vit_tiny.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match=r"sam_hq_vit_tiny\.pth cannot be read"):
        build_sam(FoundationSettings(sam="vit_tiny"), CPU)


def test_a_file_that_changed_since_it_was_first_seen_is_refused_with_both_digests(weights, vit_tiny):
    path = weights / "sam_hq_vit_tiny.safetensors"
    save_file(vit_tiny.state_dict(), path)
    seen = file_digest(path)
    record(weights, "sam_hq_vit_tiny", Digests(published="1" * 64, stored=seen, bytes=path.stat().st_size))
    assert recorded_digest(weights, path) == seen
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    with pytest.raises(WeightsError, match=rf"sam_hq_vit_tiny\.safetensors .* {file_digest(path)}, expected {seen}"):
        build_sam(FoundationSettings(sam="vit_tiny"), CPU)


def test_a_vocabulary_that_was_swapped_is_refused(weights):
    bert = write_toy_bert(weights / "bert-base-uncased")
    (weights / "groundingdino_swint_ogc.pth").touch()
    record(weights, "bert_vocabulary", Digests(published="1" * 64, stored="2" * 64, bytes=1))
    with pytest.raises(WeightsError, match=rf"vocab\.txt .* {file_digest(bert / 'vocab.txt')}, expected {'2' * 64}"):
        build_grounding(FoundationSettings(), CPU)


def test_grounding_dino_loads_the_published_layout_with_what_its_training_left(weights, small_swin):
    write_toy_bert(weights / "bert-base-uncased")
    network = tiny_grounding_dino(weights / "bert-base-uncased", seed=4)
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    state["module.label_enc.weight"] = torch.zeros(2001, 256)
    state["module.bert.embeddings.position_ids"] = torch.arange(512)[None]
    torch.save({"model": state}, weights / "groundingdino_swint_ogc.pth")

    grounding = build_grounding(FoundationSettings(box_threshold=0.01, box_overlap=0.999), CPU)

    with torch.inference_mode():
        pixels = grounding._prepare(IMAGE)[..., :64, :96]
        expected = network(pixels, captions=["screw ."])
        loaded = grounding._model(pixels, captions=["screw ."])
    assert torch.equal(loaded["pred_boxes"], expected["pred_boxes"])


def test_grounding_dino_without_a_tensor_is_refused(weights, small_swin):
    write_toy_bert(weights / "bert-base-uncased")
    state = tiny_grounding_dino(weights / "bert-base-uncased").state_dict()
    del state["feat_map.weight"]
    torch.save({"model": state}, weights / "groundingdino_swint_ogc.pth")
    with pytest.raises(WeightsError, match=r"1 of \d+ tensors are missing \(feat_map\.weight\)"):
        build_grounding(FoundationSettings(), CPU)


def test_a_missing_bert_is_named(weights):
    (weights / "groundingdino_swint_ogc.pth").touch()
    with pytest.raises(WeightsError, match=r"bert-base-uncased holds no config\.json"):
        build_grounding(FoundationSettings(), CPU)


def test_without_the_packages_the_environment_is_named(weights, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "segment_anything_hq", None)
    (weights / "sam_hq_vit_h.pth").touch()
    with pytest.raises(WeightsError, match="make foundation"):
        build_sam(FoundationSettings(), CPU)


def test_foundation_models_compute_where_the_environment_says_and_say_so(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CSAD_DEVICE", "cpu")

    with caplog.at_level(logging.INFO):
        assert foundation_device() == CPU

    assert caplog.messages[0].startswith("foundation models: on cpu, ")
