import numpy as np
import pytest
import torch

from csad.config.settings import SegmentationSettings
from csad.segmentation.anomalies import CUT_AREA, SyntheticAnomalies, paste_rectangle
from csad.segmentation.losses import unlabelled_losses
from csad.segmentation.lsa import LabelledImage
from csad.segmentation.training import steps_of


def image(value, label, side=60):
    return LabelledImage(np.full((side, side, 3), value, np.uint8), np.full((side, side), label, np.uint8))


def test_cutpaste_brings_pixels_and_their_labels_in_one_rectangle():
    generator = np.random.default_rng(0)
    for _ in range(30):
        plain = image(10, 1)
        made = paste_rectangle(plain, image(200, 3), generator)
        pasted = made.labels == 3
        assert np.array_equal(pasted, made.pixels[..., 0] == 200)
        rows, columns = pasted.any(axis=1), pasted.any(axis=0)
        assert pasted.sum() == rows.sum() * columns.sum()
        assert CUT_AREA[0] * 0.8 < pasted.mean() < CUT_AREA[1] * 1.2
        assert (plain.labels == 1).all()


@pytest.mark.parametrize("kind", ["components", "cutpaste"])
@pytest.mark.parametrize(("fraction", "changed"), [(1.0, 40), (0.0, 0)])
def test_the_fraction_says_how_many_images_are_made_anomalous(kind, fraction, changed):
    donor = LabelledImage(np.full((60, 60, 3), 200, np.uint8), np.zeros((60, 60), np.uint8))
    donor.labels[20:45, 20:45] = 3
    made = SyntheticAnomalies([donor], SegmentationSettings(lsa_kind=kind, lsa_fraction=fraction))
    generator, plain = np.random.default_rng(1), image(10, 1)
    assert sum(not np.array_equal(made(plain, generator).pixels, plain.pixels) for _ in range(40)) == changed


def test_without_donors_images_stay_as_they_are():
    plain = image(1, 1)
    assert SyntheticAnomalies((), SegmentationSettings(lsa_fraction=1.0))(plain, np.random.default_rng(0)) is plain


def test_eq_2_is_the_mean_over_component_classes_of_the_difference_of_fractions():
    # One pixel, classes background / a / b with probabilities .5 / .25 / .25; wanted .5 / .5 / 0.
    logits = torch.tensor([0.5, 0.25, 0.25]).log().view(1, 3, 1, 1)
    wanted = torch.tensor([[0.5, 0.5, 0.0]])
    assert float(unlabelled_losses(logits, wanted, with_background=False).histogram) == pytest.approx(0.25)
    assert float(unlabelled_losses(logits, wanted).histogram) == pytest.approx(0.5 / 3)


@pytest.mark.parametrize(("labelled", "steps"), [(8, 240), (9, 360)])
def test_epochs_are_passes_over_the_labelled_images(labelled, steps):
    # Batches of 4: 8 images are 2 steps, 9 are 3; 120 epochs.
    assert steps_of(SegmentationSettings(epochs=120), labelled) == steps
    assert steps_of(SegmentationSettings(steps=7), labelled) == 7
