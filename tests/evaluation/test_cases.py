import numpy as np

from csad.evaluation.cases import CaseCollector, Category
from csad.images import ImageFile
from csad.imaging.heat import HeatScale

IMAGE = np.zeros((8, 10, 3), dtype=np.uint8)
HEAT = np.zeros((8, 10), dtype=np.float32)


def collect(scores, limit=2):
    """Offer (kind, score) pairs in turn against a threshold of 10."""
    collector = CaseCollector(10.0, HeatScale(0.0, 1.0), limit)
    for index, (kind, score) in enumerate(scores):
        file = ImageFile(str(index), None, "test", kind)
        collector.offer(file, IMAGE, HEAT, score, (), [])
    return {category: [case.score for case in collector.cases() if case.category is category] for category in Category}


def test_the_lowest_anomalies_are_missed_first_and_the_highest_good_images_rejected_first():
    kept = collect(
        [("logical", 3.0), ("logical", 1.0), ("logical", 2.0), ("good", 11.0), ("good", 13.0), ("good", 12.0)]
    )
    assert kept[Category.MISSED] == [1.0, 2.0]
    assert kept[Category.FALSE_REJECT] == [13.0, 12.0]


def test_right_decisions_are_close_from_both_sides_and_hits_from_above():
    kept = collect([("good", 1.0), ("good", 9.0), ("dent", 12.0), ("dent", 90.0), ("dent", 50.0)])
    assert kept[Category.CLOSE] == [9.0, 12.0]
    assert kept[Category.HIT] == [90.0, 50.0]


def test_an_anomaly_at_the_threshold_is_missed_and_a_good_image_there_is_accepted():
    kept = collect([("good", 10.0), ("dent", 10.0)])
    assert kept[Category.MISSED] == [10.0]
    assert kept[Category.CLOSE] == [10.0]
