import numpy as np
import pytest
import torch

from csad.common.errors import StageError
from csad.config.settings import SegmentationSettings
from csad.segmentation.anomalies import SyntheticAnomalies
from csad.segmentation.data import SegmentationData
from csad.segmentation.examples import FreshExamples, StoredExamples, copies_to_store, open_examples


class Averages:
    """A backbone whose stages are the image itself, averaged over its strides, and counts what it looks at."""

    def __init__(self, factor=1.0):
        self.looks, self.factor = 0, factor

    def __call__(self, images):
        self.looks += len(images)
        return [torch.nn.functional.avg_pool2d(self.factor * images, stride) for stride in (4, 8, 16)]


def grey(*values):
    """Even images of 32 x 32 and of these values, each labelled with its number from 1 on."""
    canvases = [np.full((32, 32, 3), value, np.uint8) for value in values]
    labels = [np.full((32, 32), number, np.uint8) for number in range(1, len(values) + 1)]
    return canvases, labels


def fresh_of(data, backbone, seed=0):
    settings = SegmentationSettings(lsa=False)
    generator, draw = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    return FreshExamples(backbone, data, SyntheticAnomalies((), settings), generator, draw, "cpu")


def data_of(canvases, labels, labelled):
    return SegmentationData(canvases, labels, np.array(labelled), np.zeros(len(canvases), np.int64), classes=3)


def stored_of(labelled=4, unlabelled=2, backbone=None, seed=0):
    data = data_of(*grey(40, 80, 160), [True, True, False])
    fresh = fresh_of(data, backbone or Averages(), seed)
    return StoredExamples(fresh, labelled, unlabelled, np.random.default_rng(1), "cpu")


def brightness_of(described):
    return described.fine.mean(dim=(1, 2, 3)) * 255


def test_a_stored_image_is_what_the_backbone_said_of_it_beside_its_own_classes():
    with stored_of() as stored:
        described, classes = stored.labelled(4)

    assert described.fine.shape == (4, 3, 8, 8)
    assert described.coarse.shape == (4, 3, 2, 2)
    assert classes.shape == (4, 8, 8)
    for value, label in zip(brightness_of(described), classes, strict=True):
        original = {1: 40, 2: 80}[int(label.unique())]
        assert 0.849 * original < value < 1.151 * original  # 15 % darker to 15 % brighter, in half precision


def test_each_labelled_image_has_its_turn_before_one_comes_again():
    with stored_of(labelled=4) as stored:
        _, classes = stored.labelled(4)

    assert sorted(int(label.unique()) for label in classes) == [1, 1, 2, 2]


def test_unlabelled_copies_know_which_image_they_show():
    with stored_of(unlabelled=3) as stored:
        described, images = stored.unlabelled(5)

    assert images == [2] * 5
    assert all(0.849 * 160 < value < 1.151 * 160 for value in brightness_of(described))


def test_the_backbone_looks_at_each_copy_once_however_often_it_is_shown():
    backbone = Averages()
    with stored_of(labelled=4, unlabelled=2, backbone=backbone) as stored:
        for _ in range(10):
            stored.labelled(4)
            stored.unlabelled(4)

    assert backbone.looks == 6


def test_every_copy_is_shown_once_before_one_comes_again():
    with stored_of(labelled=6) as stored:
        first, second = (sorted(brightness_of(stored.labelled(6)[0]).tolist()) for _ in range(2))

    assert first == second
    assert len(set(first)) == 6


def test_a_seed_stores_the_same_copies_and_another_one_others():
    shown = []
    for seed in (0, 0, 5):
        with stored_of(seed=seed) as stored:
            shown.append(stored.labelled(4)[0].fine)

    assert torch.equal(shown[0], shown[1])
    assert not torch.equal(shown[0], shown[2])


def test_features_that_half_precision_cannot_hold_are_an_error_that_names_the_setting():
    with pytest.raises(StageError, match=r"half precision holds no more than 65504; set segmentation\.copies to 0"):
        stored_of(backbone=Averages(factor=1e7))


@pytest.mark.parametrize(
    ("copies", "images", "draws", "stored"),
    [
        (480, 20, 2400, 480),
        (480, 1000, 2400, 1000),  # every image is seen
        (480, 20, 100, 100),  # more would not be
        (480, 9000, 2400, 2400),
        (480, 0, 2400, 0),
    ],
)
def test_copies_cover_all_images_and_are_never_more_than_are_shown(copies, images, draws, stored):
    assert copies_to_store(copies, images, draws) == stored


def test_without_copies_every_image_is_described_anew():
    backbone = Averages()
    fresh = fresh_of(data_of(*grey(40, 80), [True, True]), backbone)

    with open_examples(fresh, 0, 100, 100, "cpu") as examples:
        examples.labelled(3)
        examples.labelled(3)

    assert backbone.looks == 6


def test_a_quarter_as_many_unlabelled_copies_are_stored():
    backbone = Averages()
    fresh = fresh_of(data_of(*grey(40, 80), [True, False]), backbone)

    with open_examples(fresh, 8, 100, 100, "cpu"):
        assert backbone.looks == 8 + 2
