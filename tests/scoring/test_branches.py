import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from csad.config.settings import HistogramSettings
from csad.features.backbone import load_backbone
from csad.features.codebook import Codebook
from csad.lgst.fit import LgstModel
from csad.lgst.memory_bank import MEMORY_LAYERS
from csad.lgst.pca import PcaReconstruction, pool
from csad.lgst.teacher import Teacher
from csad.scoring.branches import BRANCHES, GROUPS, AnomalyModel, Histograms, ModelOutputs, raw_scores
from csad.scoring.histogram import GaussianPerType, PatchHistogram
from csad.segmentation.network import SegmentationNetwork

NONE = Histograms(None, None)


def unit_histogram(entries):
    """Distance of the fractions of whole images from none at all."""
    gaussian = GaussianPerType(torch.zeros(1, entries).double(), torch.eye(entries).double()[None])
    return PatchHistogram((1,), (gaussian,), HistogramSettings(grids=(1,), square_root=False))


def outputs_of(probabilities=None, visual_words=None, global_map=None, **local_maps):
    return ModelOutputs(probabilities, visual_words, global_map, local_maps)


def test_every_branch_belongs_to_one_group():
    assert sorted(name for members in GROUPS.values() for name in members) == sorted(set(BRANCHES))


def test_every_memory_bank_is_a_branch():
    assert set(MEMORY_LAYERS) <= set(GROUPS["lgst"])


def test_the_global_score_is_the_maximum_of_its_map():
    scores = raw_scores(outputs_of(global_map=torch.tensor([[[1.0, 7.0]], [[3.0, 2.0]]])), NONE)

    assert {name: values.tolist() for name, values in scores.items()} == {"global@max": [7, 3]}


def test_a_local_score_is_the_mean_of_the_highest_hundredth_of_the_cells():
    scores = raw_scores(
        outputs_of(local=torch.arange(800.0).view(1, 20, 40), detail=torch.tensor([[[4.0, 2.0]]])), NONE
    )

    # (799 + ... + 792) / 8, and both cells where there are only two.
    assert {name: values.tolist() for name, values in scores.items()} == {"local@top1%": [795.5], "detail@top1%": [3]}


def test_histograms_give_a_column_per_grid():
    assignments = torch.tensor([0.4, 0.6, 0.8]).view(1, 3, 1, 1).expand(1, 3, 4, 4)

    scores = raw_scores(
        outputs_of(probabilities=assignments, visual_words=assignments), Histograms(unit_histogram(2), None)
    )

    assert set(scores) == {"components@1"}
    assert scores["components@1"].item() == pytest.approx(1)


def test_nothing_seen_gives_no_column():
    assert raw_scores(outputs_of(), NONE) == {}


@pytest.fixture(scope="module")
def model():
    """All that computes on pixels, with students and a codebook drawn at random."""
    torch.manual_seed(0)
    backbone = load_backbone("tf_efficientnet_lite0", stages=3)
    teacher = Teacher.fit(backbone, [torch.rand(4, 3, 64, 64)], 512, 0)
    features = teacher(torch.rand(1, 3, 64, 64))
    pca = PcaReconstruction(pool(features)[0], torch.zeros(0, pool(features)[0].numel()))
    codebook = Codebook(features[0].flatten(1).T[:3].contiguous(), 100.0)
    return AnomalyModel(backbone, SegmentationNetwork(backbone, 2).eval(), codebook, LgstModel(teacher, pca, {}, None))


def test_one_forward_pass_gives_every_output(model):
    outputs = model.forward(torch.rand(2, 3, 64, 64))

    assert outputs.probabilities.shape == (2, 3, 16, 16)
    assert outputs.visual_words.shape == (2, 4, 8, 8)
    assert outputs.global_map.shape == (2, 8, 8)
    assert outputs.local_maps == {}


@given(order=st.permutations(range(3)))
def test_permuting_a_batch_permutes_what_is_seen(model, order):
    canvases = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    outputs, permuted = model.forward(canvases), model.forward(canvases[list(order)])

    for seen, moved in (
        (outputs.probabilities, permuted.probabilities),
        (outputs.visual_words, permuted.visual_words),
        (outputs.global_map, permuted.global_map),
    ):
        torch.testing.assert_close(moved, seen[list(order)], atol=1e-4, rtol=1e-4)


def test_what_is_absent_is_not_seen(model):
    bare = AnomalyModel(model.backbone, None, None, LgstModel(model.lgst.teacher, None, {}, None))

    assert bare.forward(torch.rand(1, 3, 64, 64)) == outputs_of()


def test_moving_to_a_device_changes_nothing_that_is_seen(model):
    canvases = torch.rand(1, 3, 64, 64)

    moved, outputs = model.to("cpu").forward(canvases), model.forward(canvases)

    assert torch.equal(moved.probabilities, outputs.probabilities)
    assert torch.equal(moved.global_map, outputs.global_map)
