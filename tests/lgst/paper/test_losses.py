import pytest
import torch

from csad.lgst.paper.losses import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    colour_jitter,
    hard_feature_loss,
    imitation_loss,
    penalty_loss,
)


def test_the_hard_feature_loss_averages_only_distances_above_their_quantile():
    # Squared distances 0, 1, 4, ..., 100: the .8 quantile is the ninth, 64; 64, 81 and 100 remain.
    predicted = torch.arange(11.0).reshape(1, 1, 1, 11)

    assert float(hard_feature_loss(torch.zeros(1, 1, 1, 11), predicted, quantile=0.8)) == pytest.approx(245 / 3)


def test_a_quantile_between_two_distances_keeps_those_above_it():
    # Ten squared distances 0..81: the .8 quantile lies between 49 and 64.
    predicted = torch.arange(10.0).reshape(1, 2, 1, 5)

    assert float(hard_feature_loss(torch.zeros(1, 2, 1, 5), predicted, quantile=0.8)) == pytest.approx((64 + 81) / 2)


def test_one_distance_in_a_thousand_counts_by_default():
    predicted = torch.zeros(1, 10, 10, 20)
    predicted[0, 3, 2, 1], predicted[0, 4, 5, 6] = 3.0, 5.0

    # 2,000 distances: the .999 quantile leaves the two largest.
    assert float(hard_feature_loss(torch.zeros_like(predicted), predicted)) == pytest.approx((9 + 25) / 2)


def test_the_hard_feature_loss_moves_only_the_hard_features():
    predicted = torch.tensor([1.0, 2.0, 3.0, 10.0]).reshape(1, 1, 2, 2).requires_grad_()

    hard_feature_loss(torch.zeros(1, 1, 2, 2), predicted, quantile=0.9).backward()

    assert predicted.grad.flatten().tolist() == [0, 0, 0, 20]


def test_the_penalty_is_the_mean_square_of_what_should_be_zero():
    assert float(penalty_loss(torch.tensor([1.0, -3.0]))) == 5.0


def test_the_imitation_loss_is_the_mean_squared_difference():
    assert float(imitation_loss(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 1.0]))) == 2.5


def test_colours_change_by_their_factor():
    image = torch.tensor([0.5, 0.0, 0.0]).reshape(3, 1, 1).expand(3, 1, 2).clone()
    image[:, 0, 1] = torch.tensor([0.0, 0.5, 0.0])

    # Luma .299 * .5 = .1495 at the left, .587 * .5 = .2935 at the right, mean .2215.
    brighter = adjust_brightness(image, 1.2)
    flatter = adjust_contrast(image, 0.8)
    paler = adjust_saturation(image, 0.8)

    torch.testing.assert_close(brighter[:, 0, 0], torch.tensor([0.6, 0.0, 0.0]))
    torch.testing.assert_close(flatter[:, 0, 0], torch.tensor([0.8 * 0.5 + 0.2 * 0.2215, 0.0443, 0.0443]))
    torch.testing.assert_close(paler[:, 0, 0], torch.tensor([0.4299, 0.0299, 0.0299]))
    torch.testing.assert_close(paler[:, 0, 1], torch.tensor([0.0587, 0.4587, 0.0587]))


def test_jitter_follows_its_generator_and_stays_in_range():
    images = torch.rand(8, 3, 6, 5, generator=torch.Generator().manual_seed(2))

    jittered = colour_jitter(images, torch.Generator().manual_seed(7))

    assert torch.equal(jittered, colour_jitter(images, torch.Generator().manual_seed(7)))
    assert not torch.equal(jittered, colour_jitter(images, torch.Generator().manual_seed(8)))
    assert float(jittered.min()) >= 0
    assert float(jittered.max()) <= 1
    # No factor is beyond .8 to 1.2, so nothing moves by more than a fifth.
    assert 0 < float((jittered - images).abs().max()) <= 0.2 + 1e-6
