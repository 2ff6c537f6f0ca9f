import numpy as np
import pytest

from csad.config.line import ProductLine
from csad.images import scan
from csad.imaging.masks import ComponentMask
from csad.proposals import foundation_finder
from csad.proposals.mode_choice import choose_mode, names_the_whole
from csad.proposals.proposal_result import MaskCounts, ProposalResult
from csad.proposals.proposers import proposer_of


def row(*spans):
    masks = np.zeros((len(spans), 1, 100), dtype=bool)
    for mask, (start, stop) in zip(masks, spans, strict=True):
        mask[0, start:stop] = True
    return list(masks)


class Prompts:
    """Answers to each image with its own masks: the first pixel of an image says which."""

    name = "prompts"

    def __init__(self, answers):
        self.answers = answers

    def find(self, image):
        masks = [ComponentMask(mask, "grounding", 1.0) for mask in self.answers[int(image[0, 0, 0])]]
        return ProposalResult(masks, MaskCounts(proposed=len(masks), combined=0, kept=len(masks)))


def chosen(*answers):
    images = [np.full((1, 100, 3), index, dtype=np.uint8) for index in range(len(answers))]
    return choose_mode(Prompts(answers), images)


@pytest.mark.parametrize(("stop", "whole"), [(90, True), (89, False)])
def test_a_mask_is_the_whole_from_nine_tenths_of_the_union_on(stop, whole):
    assert names_the_whole(row((0, stop), (50, 100))) is whole


def test_a_bottle_around_its_label_makes_a_line_fine():
    assert chosen(*[row((10, 90), (30, 60))] * 3) == "fine"


def test_parts_that_lie_apart_make_a_line_coarse():
    assert chosen(*[row((0, 20), (40, 60), (80, 95))] * 3) == "coarse"


def test_most_images_decide_and_those_without_any_mask_do_not_count():
    bottle, parts = row((10, 90), (30, 60)), row((0, 20), (40, 60))
    assert chosen(bottle, parts, parts, [], []) == "coarse"
    assert chosen(bottle, bottle, parts, [], []) == "fine"


def test_without_any_mask_only_the_proposals_are_left():
    assert chosen([], []) == "fine"


@pytest.fixture
def images(tiny_line, tiny_line_data):
    return scan(tiny_line_data, tiny_line)


def auto(mode="auto"):
    return ProductLine.from_yaml(f"name: kit\npseudo_labels: {{proposals: foundation, mode: {mode}}}\n")


@pytest.mark.parametrize(
    ("masks", "built"),
    [(row((10, 90), (30, 60)), ["coarse", "fine"]), (row((0, 20), (40, 60), (80, 95)), ["coarse"])],
)
def test_auto_asks_the_prompts_of_five_training_images(images, monkeypatch, masks, built):
    asked, wanted = [], []

    class Answering(Prompts):
        def find(self, image):
            asked.append(image.shape)
            return super().find(np.zeros((1, 1, 3)))

    def build(line, prompts, mode):
        wanted.append(mode)
        return Answering([masks])

    monkeypatch.setattr(foundation_finder, "build_foundation_finder", build)
    proposer_of(auto()).build(auto(), images, ("bottle", "label"))
    assert wanted == built
    assert asked == [(128, 128, 3)] * 5


@pytest.mark.parametrize(
    ("line", "prompts", "mode"),
    [(auto(), (), "fine"), (auto("fine"), ("bottle",), "fine"), (auto("coarse"), ("bottle",), "coarse")],
)
def test_nothing_is_asked_without_prompts_or_where_the_line_says_the_mode(images, monkeypatch, line, prompts, mode):
    monkeypatch.setattr(foundation_finder, "build_foundation_finder", lambda line, prompts, wanted: wanted)
    assert proposer_of(line).build(line, images, prompts) == mode
