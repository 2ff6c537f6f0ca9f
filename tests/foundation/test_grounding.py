"""Grounding DINO's boxes: the real network, tiny and random, and chosen outputs through the real tokenizer."""

import socket

import numpy as np
import pytest
import torch

from csad.common.errors import StageError
from csad.config.settings import FoundationSettings
from csad.foundation.grounding import Grounding, scaled_size
from tests.foundation.tiny_models import SKIP, tiny_grounding_dino, write_toy_bert


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ((600, 600), (800, 800)),
        ((1280, 1600), (800, 1000)),
        ((1600, 800), (1332, 666)),  # 1600 / 800 * 800 > 1333: the long side decides, 1333 / 2 = 666.5 rounds to 666
        ((900, 4500), (267, 1335)),  # 1333 / 5 = 266.6 rounds to 267; the long side follows it
        ((2, 5000), (1, 2500)),
    ],
)
def test_images_are_scaled_as_the_authors_do(size, scaled):
    assert scaled_size(*size, 800, 1333) == scaled


def test_images_of_any_size_are_scaled_as_the_package_does():
    transforms = pytest.importorskip("groundingdino.datasets.transforms", reason=SKIP)
    from PIL import Image

    for height, width in np.random.default_rng(0).integers(1, 400, (200, 2)).tolist():
        resized, _ = transforms.resize(Image.new("L", (width, height)), None, 60, 100)
        assert scaled_size(height, width, 60, 100) == resized.size[::-1]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    pytest.importorskip("groundingdino", reason=SKIP)
    return tiny_grounding_dino(write_toy_bert(tmp_path_factory.mktemp("bert")))


class Chosen:
    """Answers a prompt with boxes and token scores that were chosen beforehand, whatever the image."""

    max_text_len = 256

    def __init__(self, tokenizer, boxes, scores):
        self.tokenizer = tokenizer
        self.captions = []
        self.shapes = []
        self._boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
        self._scores = scores

    def __call__(self, samples, *, captions):
        self.captions += captions
        self.shapes.append(tuple(samples.shape))
        logits = torch.full((1, len(self._boxes), 256), float("-inf"))
        for query, tokens in enumerate(self._scores):
            for token, score in tokens.items():
                logits[0, query, token] = torch.logit(torch.tensor(score))
        return {"pred_logits": logits, "pred_boxes": self._boxes[None]}


def asked(network, boxes, scores, **settings):
    model = Chosen(network.tokenizer, boxes, scores)
    return Grounding(model, torch.device("cpu"), FoundationSettings(**settings)), model


IMAGE = np.zeros((100, 200, 3), dtype=np.uint8)
# "metal screw . washer ." is [CLS] metal screw . washer . [SEP]
METAL, SCREW, DOT, WASHER = 1, 2, 3, 4


def test_boxes_and_phrases_are_those_of_the_package(network):
    inference = pytest.importorskip("groundingdino.util.inference", reason=SKIP)
    transforms = pytest.importorskip("groundingdino.datasets.transforms", reason=SKIP)
    from PIL import Image

    image = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    resized, _ = transforms.RandomResize([64], max_size=96)(Image.fromarray(image), None)
    tensor, _ = transforms.ToTensor()(resized, None)
    tensor, _ = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(tensor, None)
    boxes, scores, phrases = inference.predict(network, tensor, "metal screw . washer", 0.1, 0.2, device="cpu")
    settings = FoundationSettings(box_threshold=0.1, text_threshold=0.2, box_overlap=0.999)
    grounding = Grounding(network, torch.device("cpu"), settings, short_side=64, long_side=96)

    found = grounding.detect(image, ["Metal screw", "washer"])

    assert len(found) == len(boxes) > 5
    centre, size = boxes[:, :2] * torch.tensor([90, 60]), boxes[:, 2:] * torch.tensor([90, 60])
    expected = torch.cat([centre - size / 2, centre + size / 2], dim=1).clamp(min=0)
    expected = torch.minimum(expected, torch.tensor([90.0, 60, 90, 60]))
    order = sorted(range(len(boxes)), key=lambda index: (-scores[index].item(), expected[index].tolist()))
    found = sorted(found, key=lambda detection: (-detection.score, detection.box))
    for detection, index in zip(found, order, strict=True):
        assert detection.box == pytest.approx(expected[index].tolist(), abs=1e-2)
        assert detection.score == pytest.approx(scores[index].item(), abs=1e-5)
        said = phrases[index].replace("[CLS]", "").replace("[SEP]", "").split()
        assert detection.phrase.split() == said


def test_nothing_is_asked_of_a_hub(network, tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    again = tiny_grounding_dino(write_toy_bert(tmp_path / "bert"))
    settings = FoundationSettings(box_threshold=0.01)
    assert Grounding(again, torch.device("cpu"), settings, 64, 96).detect(IMAGE, ["screw"])


def test_a_box_lies_in_pixels_of_the_image_and_names_its_words(network):
    grounding, model = asked(
        network, [[0.5, 0.5, 0.2, 0.4]], [{METAL: 0.4, SCREW: 0.6, DOT: 0.7, WASHER: 0.1}], text_threshold=0.3
    )
    (found,) = grounding.detect(IMAGE, ["Metal  Screw", "washer", "washer"])
    assert model.captions == ["metal screw . washer ."]
    assert model.shapes == [(1, 3, 666, 1332)]
    assert found.box == pytest.approx((80, 30, 120, 70))
    assert found.phrase == "metal screw"
    assert found.score == pytest.approx(0.7)


def test_boxes_below_the_threshold_are_left_out(network):
    boxes = [[0.2, 0.5, 0.1, 0.1], [0.5, 0.5, 0.1, 0.1], [0.8, 0.5, 0.1, 0.1]]
    grounding, _ = asked(network, boxes, [{SCREW: 0.35}, {SCREW: 0.25}, {SCREW: 0.1}], box_threshold=0.3)
    assert [round(found.box[0]) for found in grounding.detect(IMAGE, ["metal screw"])] == [30]


def test_of_overlapping_phrases_the_better_box_stays(network):
    boxes = [[0.5, 0.5, 0.20, 0.2], [0.5, 0.5, 0.22, 0.2], [0.1, 0.1, 0.1, 0.1]]
    grounding, _ = asked(network, boxes, [{SCREW: 0.5}, {WASHER: 0.6}, {SCREW: 0.4}])
    assert [found.phrase for found in grounding.detect(IMAGE, ["metal screw", "washer"])] == ["washer", "screw"]


def test_no_detection_and_no_words_are_empty(network):
    grounding, model = asked(network, [[0.5, 0.5, 0.1, 0.1]], [{SCREW: 0.01}])
    assert grounding.detect(IMAGE, ["metal screw"]) == []
    assert grounding.detect(IMAGE, []) == []
    assert len(model.captions) == 1


def test_boxes_beyond_the_image_are_cut_and_empty_ones_left_out(network):
    boxes = [[0.0, 0.0, 0.5, 0.5], [1.0, 0.5, 0.0, 0.5], [1.2, 0.5, 0.2, 0.2]]
    grounding, _ = asked(network, boxes, [{SCREW: 0.9}] * 3)
    assert [found.box for found in grounding.detect(IMAGE, ["metal screw"])] == [(0, 0, 50, 25)]


def test_two_hundred_boxes_are_all_kept(network):
    boxes = [[(0.5 + column) / 20, (0.5 + row) / 10, 0.04, 0.08] for row in range(10) for column in range(20)]
    grounding, _ = asked(network, boxes, [{SCREW: 0.5}] * 200)
    assert len(grounding.detect(IMAGE, ["metal screw"])) == 200


def test_words_that_do_not_fit_one_prompt_are_asked_in_several(network):
    grounding, model = asked(network, [[0.5, 0.5, 0.1, 0.1]], [{SCREW: 0.5}])
    model.max_text_len = 7
    words = ["metal screw", "washer", "red disc", "red washer"]

    assert grounding.prompts(words) == ["metal screw . washer .", "red disc .", "red washer ."]
    # The same box answers in every prompt; it is one detection.
    assert len(grounding.detect(IMAGE, words)) == 1
    assert grounding.passes == 3


def test_a_word_that_fits_no_prompt_is_refused_with_the_remedy(network):
    grounding, model = asked(network, [], [])
    model.max_text_len = 4
    with pytest.raises(StageError, match=r"has 5 tokens, expected at most 4; shorten it in tags\.prompts"):
        grounding.prompts(["metal screw"])


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (37, 41)])
def test_images_of_any_shape_are_asked(network, size):
    grey = np.full((*size, 3), 90, dtype=np.uint8)
    grounding = Grounding(network, torch.device("cpu"), FoundationSettings(box_threshold=0.01), 64, 96)
    for found in grounding.detect(grey, ["screw"]):
        left, top, right, bottom = found.box
        assert 0 <= left < right <= size[1]
        assert 0 <= top < bottom <= size[0]
