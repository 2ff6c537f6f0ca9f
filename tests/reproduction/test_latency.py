from csad.reproduction.latency import measure_latency
from csad.scoring.scorer import Scorer


def test_the_whole_and_both_groups_are_timed_by_themselves(tiny_model):
    found = measure_latency(Scorer.load(tiny_model), runs=3)
    assert set(found) == {"both", "histogram", "LGST"}
    assert all(one.runs == 3 and one.device == "cpu" for one in found.values())
    # The whole does all that a part does; a busy machine may disturb a single call, not the order of the medians.
    assert found["both"].milliseconds > 0.5 * max(found["histogram"].milliseconds, found["LGST"].milliseconds)
