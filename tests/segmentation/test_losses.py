import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from segmentation_models_pytorch.losses import DiceLoss

from csad.segmentation.losses import dice_loss, labelled_losses, unlabelled_losses

HALF = torch.zeros(1, 2, 1, 2)
"""Two pixels, two classes, both equally likely."""


def certain(labels, classes):
    """Logits that are sure of these labels (B, h, w)."""
    return 50.0 * torch.nn.functional.one_hot(labels, classes).movedim(-1, 1).float()


def test_undecided_pixels_cost_the_logarithm_of_two():
    losses = labelled_losses(HALF, torch.tensor([[[0, 1]]]))

    assert losses.cross_entropy.item() == pytest.approx(math.log(2))
    assert losses.focal.item() == pytest.approx(0.25 * math.log(2))


def test_dice_of_undecided_pixels_is_one_half():
    # Per class: predicted 2 * 0.5 = 1, true 1, both 0.5, so 1 - 2 * 0.5 / 2 = 0.5.
    assert labelled_losses(HALF, torch.tensor([[[0, 1]]])).dice.item() == pytest.approx(0.5)


def test_a_sure_and_right_prediction_costs_nothing():
    labels = torch.tensor([[[0, 1], [2, 1]]])

    losses = labelled_losses(certain(labels, 3), labels)

    assert losses.cross_entropy.item() == pytest.approx(0, abs=1e-6)
    assert losses.dice.item() == pytest.approx(0, abs=1e-6)
    assert losses.focal.item() == pytest.approx(0, abs=1e-6)


def test_dice_leaves_out_classes_that_do_not_occur():
    labels = torch.zeros(1, 2, 2, dtype=torch.long)
    probabilities = torch.tensor([0.5, 0.5, 0.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)

    # Only class 0: predicted 2, true 4, both 2.
    assert dice_loss(probabilities, labels).item() == pytest.approx(1 - 4 / 6)


def test_dice_is_that_of_the_library_where_every_class_occurs():
    logits = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(128).view(2, 8, 8) % 4
    without_the_last = labels.clamp(max=2)
    library = DiceLoss("multiclass", from_logits=True)

    assert dice_loss(logits.softmax(dim=1), labels).item() == pytest.approx(library(logits, labels).item())
    # The library's mean has a 0 for the class that is absent.
    ours = dice_loss(logits.softmax(dim=1), without_the_last).item()
    assert ours * 3 / 4 == pytest.approx(library(logits, without_the_last).item())


def test_the_focal_loss_forgives_pixels_that_are_nearly_right():
    labels = torch.zeros(1, 1, 1, dtype=torch.long)
    logits = torch.tensor([math.log(9.0), 0.0]).view(1, 2, 1, 1)

    losses = labelled_losses(logits, labels)

    # p = 0.9
    assert losses.cross_entropy.item() == pytest.approx(-math.log(0.9))
    assert losses.focal.item() == pytest.approx(0.01 * -math.log(0.9))


def test_the_histogram_loss_is_the_mean_difference_of_class_fractions():
    wanted = torch.tensor([[0.8, 0.2]])

    assert unlabelled_losses(HALF, wanted).histogram.item() == pytest.approx(0.3)
    assert unlabelled_losses(HALF, torch.tensor([[0.5, 0.5]])).histogram.item() == pytest.approx(0)


def test_entropy_is_largest_for_undecided_pixels_and_zero_for_sure_ones():
    wanted = torch.tensor([[0.5, 0.5]])

    assert unlabelled_losses(HALF, wanted).entropy.item() == pytest.approx(math.log(2))
    assert unlabelled_losses(certain(torch.tensor([[[0, 1]]]), 2), wanted).entropy.item() == pytest.approx(0, abs=1e-6)


@given(seed=st.integers(0, 50))
def test_the_order_of_the_batch_changes_no_loss(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 4, 2, 2, generator=generator)
    labels = torch.randint(0, 4, (3, 2, 2), generator=generator)
    fractions = torch.rand(3, 4, generator=generator)
    order = torch.randperm(3, generator=generator)

    one, other = labelled_losses(logits, labels), labelled_losses(logits[order], labels[order])
    torch.testing.assert_close([one.cross_entropy, one.dice, one.focal], [other.cross_entropy, other.dice, other.focal])
    free, mixed = unlabelled_losses(logits, fractions), unlabelled_losses(logits[order], fractions[order])
    torch.testing.assert_close([free.histogram, free.entropy], [mixed.histogram, mixed.entropy])
