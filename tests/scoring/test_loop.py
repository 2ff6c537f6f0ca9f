from dataclasses import dataclass, field

import numpy as np
import pytest

from csad.common.errors import ImageError
from csad.images.image_batches import BATCH_PIXELS
from csad.scoring.loop import Failure, Result, score_each


@dataclass
class Score:
    value: float
    map: np.ndarray
    anomalous: bool = False
    branches: dict = field(default_factory=dict)
    explanations: tuple = ()


class Scorer:
    """The score of an image is its first value."""

    def __init__(self):
        self.batches = []

    def score_batch(self, images):
        self.batches.append([int(image[0, 0, 0]) for image in images])
        return [Score(float(image[0, 0, 0]), np.zeros(image.shape[:2], np.float32)) for image in images]


def read(source):
    if source in (2, 9):
        raise ImageError(f"{source}: damaged")
    return np.full((2, 3, 3), source, np.uint8)


def test_every_image_has_an_outcome_in_its_order_and_an_unreadable_one_stops_nothing():
    scorer = Scorer()

    outcomes = list(score_each(scorer, range(10), read))

    assert [outcome.source for outcome in outcomes] == list(range(10))
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert [str(failure.error) for failure in failures] == ["2: damaged", "9: damaged"]
    assert [o.score.value for o in outcomes if isinstance(o, Result)] == [0, 1, 3, 4, 5, 6, 7, 8]
    assert scorer.batches == [[0, 1, 3, 4, 5, 6, 7], [8]]


def test_a_batch_of_unreadable_images_asks_the_scorer_nothing():
    scorer = Scorer()

    (outcome,) = score_each(scorer, [2], read)

    assert isinstance(outcome, Failure)
    assert scorer.batches == []


def test_large_images_are_scored_in_smaller_batches_and_read_when_the_one_before_is_done():
    scorer = Scorer()
    done = []

    def large(source):
        done.append(source)
        return np.broadcast_to(np.full((1, 1, 3), source, np.uint8), (BATCH_PIXELS // 2000, 1000, 3))

    outcomes = score_each(scorer, range(4), large)
    next(outcomes)

    assert done == [0, 1], "half a batch each"
    assert len(list(outcomes)) == 3
    assert scorer.batches == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"value": np.nan}, "the score is nan"),
        ({"branches": {"local": np.inf}}, "the score of branch local is inf"),
        ({"map": np.zeros((1, 1), np.float32)}, r"its map has shape \(1, 1\), the image \(2, 3\)"),
        ({"map": np.full((2, 3), np.nan, np.float32)}, "6 of 6 values of its map are not finite"),
    ],
)
def test_a_score_that_cannot_be_is_a_failure_that_names_the_image_and_the_remedy(changes, fault):
    class Broken(Scorer):
        def score_batch(self, images):
            return [Score(**({"value": 1.0, "map": np.zeros((2, 3), np.float32)} | changes)) for _ in images]

    (outcome,) = score_each(Broken(), [5], read)

    with pytest.raises(ImageError, match=f"5: {fault}; a sound model does not do that: train it again"):
        raise outcome.error


def test_what_is_wrong_with_the_model_is_no_failure_of_an_image():
    class Gone(Scorer):
        def score_batch(self, images):
            raise RuntimeError("no device")

    with pytest.raises(RuntimeError, match="no device"):
        list(score_each(Gone(), [5], read))
