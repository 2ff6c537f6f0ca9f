"""Evaluations made by hand, with answers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csad.common.errors import DeploymentError
from csad.config.settings import GateSettings
from csad.evaluation.figures import ImageRecord
from csad.gate.branches import find_collapsed
from csad.gate.checks import (
    Rule,
    check_decisions,
    check_detection,
    check_false_rejects,
    check_floor,
    check_latency,
    check_more_false_rejects,
    check_regression,
)
from csad.gate.gate import explain, run_checks

LIMITS = GateSettings()


def records(threshold: float = 5.0, **scores) -> list[ImageRecord]:
    """Images by kind: records(good=[1, 2], logical=[3])."""
    return [
        ImageRecord(key=f"test/{kind}/{index:03d}", kind=kind, score=value, anomalous=value > threshold, branches={})
        for kind, values in scores.items()
        for index, value in enumerate(values)
    ]


def by_rule(checks, rule: Rule):
    return [check for check in checks if check.rule == rule]


def test_the_floor_is_held_by_every_kind():
    """One of four pairs is in the wrong order: 0.75; two of four: 0.5."""
    found = check_floor(records(good=[1, 3], logical=[2, 4], structural=[0, 4]), LIMITS)
    assert {check.subject: (check.challenger, check.passed) for check in found} == {
        "logical": (0.75, True),
        "structural": (0.5, False),
    }
    assert found[1].reason == "structural: detection AUROC 0.500, less than 0.7"


def test_a_test_folder_whose_name_begins_like_a_synthetic_kind_is_held_to_the_floor_itself():
    found = check_floor(records(good=[1, 3], synthetic_coloured_spot=[2, 4], synthetic_scratch=[0, 4]), LIMITS)
    # 2, 4 beat 1; 1 and 3: AUROC 0.75. 0, 4 beat none; 1 and 3: 0.5.
    assert [(check.subject, check.challenger, check.passed) for check in found] == [
        ("synthetic_coloured_spot", 0.75, True),
        ("synthetic_scratch", 0.5, False),
    ]


def test_of_synthetic_anomalies_the_best_kind_holds_the_floor():
    seen = check_floor(records(good=[1, 3], synthetic_coloured_spot=[2, 4], synthetic_extra_component=[0, 4]), LIMITS)
    unseen = check_floor(records(good=[1, 3], synthetic_coloured_spot=[0, 4], synthetic_extra_component=[0, 4]), LIMITS)

    assert [(check.challenger, check.passed) for check in seen] == [(0.75, True), (0.5, True)]
    assert seen[1].reason.endswith(
        "less than 0.7; synthetic anomalies may be invisible, and another kind reaches 0.750"
    )
    assert not any(check.passed for check in unseen)


def test_too_many_rejected_good_images_are_refused_and_a_few_may_be_chance():
    many = check_false_rejects(records(good=[9] * 20 + [1] * 20), LIMITS)
    few = check_false_rejects(records(good=[9] * 2 + [1] * 10), LIMITS)
    none = check_false_rejects(records(good=[1] * 40), LIMITS)
    assert (many.passed, many.challenger, many.reason) == (
        False,
        0.5,
        "20 of 40 good images rejected: significantly more than 10.0%",
    )
    assert few.passed
    assert few.reason == "2 of 12 good images rejected: more than 10.0%, which may be chance with so few"
    assert (none.passed, none.challenger) == (True, 0)


def test_one_rejected_of_three_good_images_is_refused_for_nine_could_not_show_a_tenth():
    assert not check_false_rejects(records(good=[9, 1, 1]), LIMITS).passed
    assert not check_false_rejects(records(good=[9] + [1] * 8), LIMITS).passed
    assert check_false_rejects(records(good=[9] + [1] * 9), LIMITS).passed
    assert check_false_rejects(records(good=[1, 1, 1]), LIMITS).passed


def test_images_that_set_the_threshold_do_not_show_few_rejects():
    calibrating = [
        record.model_copy(update={"key": f"validation/good/{n}"}) for n, record in enumerate(records(good=[1] * 10))
    ]
    check = check_false_rejects(calibrating, LIMITS)
    assert (check.passed, check.challenger, check.images) == (False, None, (0, 0))
    assert "add images of other good products as test/good" in check.reason


def test_a_kind_that_is_told_worse_is_a_regression_though_another_is_told_better():
    champion = records(good=range(40), logical=range(100, 140), structural=range(40))
    challenger = records(good=range(40), logical=range(40), structural=range(100, 140))
    logical, structural = check_regression(challenger, champion, LIMITS)
    assert (logical.champion, logical.challenger, logical.passed) == (1, pytest.approx(0.5, abs=0.02), False)
    assert "significant regression by more than 0.01" in logical.reason
    assert structural.passed
    assert structural.reason.endswith("no worse")


def test_a_small_loss_is_tolerated_however_sure():
    """Exactly 1 of 200 good images lies above all of 50 anomalies in addition: 0.005 lost."""
    champion = records(good=[0] * 200, logical=[10] * 50)
    challenger = records(good=[0] * 199 + [20], logical=[10] * 50)
    (check,) = check_regression(challenger, champion, LIMITS)
    assert check.challenger == pytest.approx(0.995)
    assert check.passed
    assert check.reason.endswith("worse by not more than 0.01")


def test_a_large_loss_on_few_images_is_refused_without_being_sure():
    """2 of 4 pairs turn: from 1 to 0.5, and a bootstrap of 2 + 2 images can say nothing."""
    (check,) = check_regression(records(good=[1, 9], logical=[5, 10]), records(good=[1, 2], logical=[5, 10]), LIMITS)
    assert check.interval == (-1, 1)
    assert not check.passed
    assert "worse by more than 0.1, though not significantly with so few images" in check.reason


@pytest.mark.parametrize(
    ("times", "passed", "words"), [(1, True, "not significantly"), (10, False, "significant regression by more")]
)
def test_six_images_cannot_prove_a_loss_that_sixty_like_them_prove(times, passed, words):
    """Anomalies fall below 0 to 9 of 100 good images: 0.045 lost. Bare draws of the six would reach up to -0.015."""
    champion = records(good=range(100), bent=[200] * 6 * times)
    challenger = records(good=range(100), bent=[99.5, 99.5, 95.5, 93.5, 91.5, 90.5] * times)
    (check,) = check_regression(challenger, champion, LIMITS)
    assert check.passed is passed
    assert words in check.reason
    assert ("widened for only 6 images" in check.reason) is (times == 1)


def test_more_rejected_good_images_are_refused():
    champion = records(good=[1] * 100)
    assert not check_more_false_rejects(records(good=[9] * 10 + [1] * 90), champion, LIMITS).passed
    one_more = check_more_false_rejects(records(good=[9] + [1] * 99), champion, LIMITS)
    assert one_more.passed
    assert one_more.challenger == 0.01
    assert check_more_false_rejects(champion, records(good=[9] * 10 + [1] * 90), LIMITS).passed


def test_a_threshold_that_misses_what_the_champion_finds_is_refused_though_the_aurocs_are_equal():
    scores = {"good": range(20), "logical": range(30, 50)}
    champion, challenger = records(threshold=25, **scores), records(threshold=60, **scores)
    assert all(check.passed for check in check_regression(challenger, champion, LIMITS))
    (check,) = check_decisions(challenger, champion, LIMITS)
    assert (check.challenger, check.champion, check.passed) == (0, 1, False)


def test_time_is_held_against_the_champion_and_against_the_budget():
    (slower,) = check_latency(31.0, 20.0, 30, LIMITS)
    assert not slower.passed
    assert slower.reason == "31.0 ms an image, 1.55 times the champion's 20.0 ms, more than 1.5 times"
    budget = GateSettings(latency_milliseconds=30)
    assert [check.passed for check in check_latency(31.0, 25.0, 30, budget)] == [False, True]
    assert check_latency(31.0, None, 30, LIMITS) == []


def test_the_first_model_of_a_line_meets_the_floor_alone():
    checks = run_checks(records(threshold=2.5, good=[1, 2], logical=[3, 4]), None, [10.0], 4, LIMITS)
    assert [check.rule for check in checks] == [Rule.FLOOR, Rule.DETECTION, Rule.FALSE_REJECTS]
    assert explain(checks, has_champion=False) == "the first model of its line passes all 3 checks"


def test_a_model_that_ranks_well_and_finds_nothing_at_its_threshold_is_refused():
    assert check_detection(records(threshold=3.5, good=[1, 2], logical=[3, 4])).passed

    nothing = check_detection(records(threshold=4.5, good=[1, 2], logical=[3, 4]))
    assert not nothing.passed
    assert nothing.reason == "0 of 2 anomalous images found at the threshold"


def test_a_refusal_names_every_check_that_failed():
    checks = run_checks(records(good=[1, 2], logical=[1, 2]), None, [10.0], 4, GateSettings(latency_milliseconds=5))
    assert explain(checks, has_champion=False) == (
        "logical: detection AUROC 0.500, less than 0.7; "
        "0 of 2 anomalous images found at the threshold; 10.0 ms an image, more than 5 ms"
    )


def test_two_models_must_have_scored_the_same_images():
    with pytest.raises(DeploymentError, match="different images"):
        run_checks(records(good=[1, 2]), records(good=[1, 2, 3]), [1.0, 1.0], 2, LIMITS)


VALUES = st.lists(st.floats(0, 10), min_size=1, max_size=15)


@settings(max_examples=30)
@given(good=VALUES, logical=VALUES, other=VALUES, tolerated=st.floats(0, 0.1), maximum=st.floats(0, 0.2))
def test_identical_models_are_never_a_regression(good, logical, other, tolerated, maximum):
    limits = GateSettings(tolerated_loss=tolerated, maximum_loss=maximum)
    same = records(good=good, logical=logical, other=other)
    checks = run_checks(same, same, [10.0, 10.0], 3, limits)
    compared = [check for check in checks if check.champion is not None]
    assert {check.rule for check in compared} == {
        Rule.REGRESSION,
        Rule.MORE_FALSE_REJECTS,
        Rule.DECISIONS,
        Rule.SLOWER,
    }
    assert all(check.passed for check in compared)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), shift=st.floats(2, 4), images=st.integers(100, 150))
def test_a_strictly_worse_model_is_a_regression_with_enough_images(seed, shift, images):
    """Anomalies lie 3 above good images with the champion and `shift` less with the challenger."""
    generator = np.random.default_rng(seed)
    good, anomalous = generator.normal(0, 1, images), generator.normal(3, 1, images)
    champion = records(good=good, logical=anomalous)
    challenger = records(good=good, logical=anomalous - shift)
    assert not any(check.passed for check in check_regression(challenger, champion, LIMITS))
    assert all(check.passed for check in check_regression(champion, challenger, LIMITS))


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_images_does_not_change_the_figures(seed):
    generator = np.random.default_rng(seed)
    there = records(good=generator.normal(0, 1, 12), logical=generator.normal(1, 1, 12))
    order = generator.permutation(len(there))
    (plain,) = check_floor(there, LIMITS)
    (shuffled,) = check_floor([there[index] for index in order], LIMITS)
    assert plain == shuffled


def with_branches(kind: str, count: int, **values) -> list[ImageRecord]:
    return [
        ImageRecord(
            key=f"test/{kind}/{index}",
            kind=kind,
            score=0,
            anomalous=False,
            branches={name: value[index] for name, value in values.items()},
        )
        for index in range(count)
    ]


def test_collapsed_branches_are_named():
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 1, (2, 30))
    good = with_branches("good", 30, words=[3.0] * 30, local=noise[0], components=range(30), lost=range(30))
    bad = with_branches("logical", 30, words=[3.0] * 30, local=noise[1], components=range(40, 70), lost=range(40, 70))
    missing = [
        record.model_copy(update={"branches": {k: v for k, v in record.branches.items() if k != "lost"}})
        for record in good + bad
    ]
    weights = {"words": 1.0, "local": 1.0, "components": 1.0}
    assert list(find_collapsed(missing, good + bad, weights)) == [
        "branch words has collapsed: it gives every image the score 3",
        "branch local may have collapsed: no kind has a detection AUROC significantly above 0.5",
        "branch lost of the champion is missing in the new model",
    ]
    assert list(find_collapsed(missing, None, {"components": 0.05})) == [
        "branch components has a fusion weight of only 0.05: training found it without any signal"
    ]
