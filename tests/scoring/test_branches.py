import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from csad.common.errors import ModelFolderError
from csad.config.settings import HistogramSettings
from csad.features.backbone import load_backbone
from csad.features.codebook import Codebook
from csad.lgst.memory_bank import MEMORY_LAYERS
from csad.lgst.pca import PcaReconstruction, pool
from csad.lgst.teacher import TeacherFit
from csad.scoring.anomaly_model import AnomalyModel
from csad.scoring.branches import Branch, branch_of, groups, register, registered, score_names
from csad.scoring.branches.component_histogram import ComponentBranch
from csad.scoring.branches.memory_bank import MemoryBankBranch
from csad.scoring.branches.pca_reconstruction import PcaBranch
from csad.scoring.branches.reductions import maximum, top_mean
from csad.scoring.branches.visual_word_histogram import VisualWordBranch
from csad.scoring.histogram import GaussianPerType, PatchHistogram
from csad.segmentation.network import SegmentationNetwork

SETTINGS = HistogramSettings(grids=(1,), square_root=False)


def unit_histogram(entries):
    """Distance of the fractions of whole images from none at all."""
    gaussian = GaussianPerType(torch.zeros(1, entries).double(), torch.eye(entries).double()[None])
    return PatchHistogram((1,), (gaussian,), SETTINGS)


def test_the_scores_stand_in_their_order_and_each_in_one_group():
    assert score_names() == ("components", "words", "global", "local", "students", "neighbourhood", "detail")
    assert groups() == {
        "histogram": ("components", "words"),
        "lgst": ("global", "local", "students", "neighbourhood", "detail"),
    }


def test_every_memory_bank_gives_a_score():
    assert MemoryBankBranch.scores == tuple(MEMORY_LAYERS)


def test_two_branches_of_one_kind_are_refused():
    class Other(Branch):
        kind, scores, group = "memory_bank", ("other",), "others"

    with pytest.raises(ValueError, match="more than one branch is called memory_bank"):
        register(Other)


@pytest.mark.parametrize(("score", "group"), [("lgst", "others"), ("sharpness", "components"), ("same", "same")])
def test_a_score_that_is_called_like_a_group_is_refused(score, group):
    class Other(Branch):
        kind, scores = "other", (score,)

    Other.group = group
    before = registered()

    with pytest.raises(ValueError, match="is the name of a score and of a group"):
        register(Other)
    assert registered() == before


def test_a_branch_that_is_unknown_here_is_refused_with_those_that_are_known():
    with pytest.raises(ModelFolderError, match=r"a branch texture, which is unknown here \(known: .*memory_bank"):
        branch_of("texture")


def test_a_global_score_is_the_maximum_of_its_map():
    assert maximum("global", torch.tensor([[[1.0, 7.0]], [[3.0, 2.0]]]))["global@max"].tolist() == [7, 3]


def test_a_local_score_is_the_mean_of_the_highest_hundredth_of_the_cells():
    # (799 + ... + 792) / 8, and both cells where there are only two.
    assert top_mean("local", torch.arange(800.0).view(1, 20, 40))["local@top1%"].tolist() == [795.5]
    assert top_mean("detail", torch.tensor([[[4.0, 2.0]]]))["detail@top1%"].tolist() == [3]


def test_histograms_give_a_column_per_grid_once_they_are_fitted():
    assignments = torch.tensor([0.4, 0.6, 0.8]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    fitted = VisualWordBranch(None, SETTINGS, unit_histogram(2))

    columns = fitted.columns({"words": assignments})

    assert set(columns) == {"words@1"}
    assert columns["words@1"].item() == pytest.approx(1)
    assert VisualWordBranch(None, SETTINGS).columns({"words": assignments}) == {}


@pytest.fixture(scope="module")
def model():
    """Networks, components and words drawn at random."""
    torch.manual_seed(0)
    backbone = load_backbone("tf_efficientnet_lite0", stages=3)
    fit = TeacherFit(backbone, 512, seed=0)
    fit.add(backbone(torch.rand(4, 3, 64, 64)), (64, 64))
    teacher = fit.build()
    features = teacher(torch.rand(1, 3, 64, 64))
    pca = PcaReconstruction(pool(features)[0], torch.zeros(0, pool(features)[0].numel()))
    codebook = Codebook(features[0].flatten(1).T[:3].contiguous(), 100.0)
    return AnomalyModel(backbone, teacher, ()).with_branches(
        [
            PcaBranch(pca),
            VisualWordBranch(codebook, SETTINGS),
            ComponentBranch(SegmentationNetwork(backbone, 2).eval(), SETTINGS),
        ]
    )


def test_branches_stand_in_the_order_of_their_rank(model):
    assert [branch.kind for branch in model.branches] == [
        "component_histogram",
        "visual_word_histogram",
        "pca_reconstruction",
    ]


def test_one_pass_gives_every_output(model):
    outputs = model.forward(torch.rand(2, 3, 64, 64))

    shapes = {name: tuple(values.shape) for name, values in outputs.items()}
    assert shapes == {"components": (2, 3, 16, 16), "words": (2, 4, 8, 8), "global": (2, 8, 8)}
    assert set(model.maps(outputs)) == {"global"}
    assert set(model.columns(outputs)) == {"global@max"}, "no Gaussian is fitted yet"


@given(order=st.permutations(range(3)))
def test_permuting_a_batch_permutes_the_outputs(model, order):
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    outputs, permuted = model.forward(images), model.forward(images[list(order)])

    for name, values in outputs.items():
        torch.testing.assert_close(permuted[name], values[list(order)], atol=1e-4, rtol=1e-4)


def test_a_branch_that_is_absent_gives_nothing(model):
    images = torch.rand(1, 3, 64, 64)

    assert model.only(lambda branch: False).forward(images) == {}
    assert set(model.only(lambda branch: branch.group == "histogram").forward(images)) == {"components", "words"}


def test_moving_to_a_device_changes_no_output(model):
    images = torch.rand(1, 3, 64, 64)

    moved, outputs = model.to("cpu").forward(images), model.forward(images)

    assert all(torch.equal(moved[name], values) for name, values in outputs.items())
