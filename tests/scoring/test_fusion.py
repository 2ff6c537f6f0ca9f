import logging
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from csad.common.errors import ModelFolderError, StageError
from csad.metrics.threshold import choose_threshold
from csad.scoring.fusion import Fusion, Scale, fit_fusion, fit_scale, fit_tail_scale, sum_columns, weight_of

UNIT = Scale(mean=0, deviation=1)
WEIGHTINGS = ("synthetic_auroc", "equal")


def fusion_of(weights, weighting="synthetic_auroc"):
    """Branches whose scores are taken as they are."""
    scales = dict.fromkeys(weights, UNIT)
    return Fusion(
        columns={f"{name}@1": UNIT for name in weights}, branches=scales, weights=weights, weighting=weighting
    )


def column(*values):
    return np.array(values, dtype=float)


def test_the_scale_is_that_of_the_middle_scores():
    # Quantiles .2 and .8 of 0..10 are 2 and 8; 2..8 have the mean 5 and the variance 4. The outlier changes little.
    scale = fit_scale(np.array([*range(10), 1000.0]))

    assert scale.mean == pytest.approx(5)
    assert scale.deviation == pytest.approx(2)
    assert scale(column(9)).tolist() == [2]


def test_a_tail_scale_is_the_logarithm_of_the_tail_probability():
    # The 20 largest of 0..99 exceed 79 by 10.5 on average, and 20 of 101 further scores exceed 79.
    scale = fit_tail_scale(np.arange(100.0))

    assert scale(column(79)) == pytest.approx(math.log(0.5 / (20 / 101)))
    assert scale(column(79 + 10.5)) - scale(column(79)) == pytest.approx(1)


def test_a_branch_that_shouts_at_good_products_does_not_outvote_a_quiet_one():
    generator = np.random.default_rng(0)
    normal = {"words@1": generator.pareto(1.5, 200), "local@top1%": generator.normal(10, 1, 200)}
    fusion = fit_fusion(normal, {}, "synthetic_auroc")

    defect = {"words@1": column(np.median(normal["words@1"])), "local@top1%": column(14)}
    rare_but_good = {"words@1": column(np.quantile(normal["words@1"], 0.985)), "local@top1%": column(10)}

    assert fusion.combine(fusion.branch_scores(defect)) > fusion.combine(fusion.branch_scores(rare_but_good))


@pytest.mark.parametrize("count", [1, 2, 4, 5, 50])
@pytest.mark.parametrize("value", [0.0, 3.0, -1e6])
def test_ties_never_divide_by_zero(count, value):
    scale = fit_scale(np.full(count, value))

    assert scale.deviation > 0
    assert np.isfinite(scale(column(value, value + 1))).all()


def test_the_sizes_of_a_branch_are_summed_after_their_own_normalisation():
    scales = {"words@1": Scale(mean=1, deviation=2), "words@2": Scale(mean=0, deviation=4), "global@max": UNIT}
    raw = {"words@1": column(5), "words@2": column(8), "global@max": column(100)}

    assert sum_columns(raw, scales, "words").tolist() == [4]


def test_normal_images_have_branch_scores_around_zero():
    rng = np.random.default_rng(0)
    normal = {"components@1": rng.gamma(3, 2, 500), "components@2": rng.gamma(2, 1, 500)}

    scores = fit_fusion(normal, {}, "synthetic_auroc").branch_scores(normal)

    assert set(scores) == {"components"}
    assert abs(np.median(scores["components"])) < 0.5


def test_equal_weighting_is_the_plain_sum():
    fusion = fusion_of({"components": 0.1, "global": 1.0}, "equal")

    assert fusion.combine({"components": column(2, -1), "global": column(3, 0.5)}).tolist() == [5, -0.5]


def test_a_branch_at_chance_cannot_drown_a_strong_one():
    fusion = fusion_of({"components": 0.05, "global": 1.0})
    noise, alarm = fusion.combine({"components": column(3, 0), "global": column(0, 3)})

    assert alarm > 2 * noise


@given(
    scores=st.lists(st.floats(-50, 50), min_size=3, max_size=3),
    branch=st.integers(0, 2),
    rise=st.floats(0, 50),
    weighting=st.sampled_from(WEIGHTINGS),
)
def test_the_score_never_falls_when_a_branch_rises(scores, branch, rise, weighting):
    fusion = fusion_of({"components": 0.3, "global": 1.0, "local": 0.6}, weighting)
    names = list(fusion.weights)
    before = {name: column(value) for name, value in zip(names, scores, strict=True)}
    after = {**before, names[branch]: before[names[branch]] + rise}

    assert fusion.combine(after)[0] >= fusion.combine(before)[0] - 1e-9


@given(low=st.floats(-20, 20), high=st.floats(-20, 20))
def test_images_that_differ_in_one_branch_are_never_tied(low, high):
    assume(high - low > 1e-3)
    fusion = fusion_of({"components": 0.5, "local": 0.5})

    scores = fusion.combine({"components": column(low, high), "local": column(1, 1)})

    assert scores[0] < scores[1]


@given(order=st.permutations(range(5)), weighting=st.sampled_from(WEIGHTINGS))
def test_permuting_a_batch_permutes_its_scores(order, weighting):
    rng = np.random.default_rng(0)
    branches = {"words": rng.normal(size=5), "global": rng.normal(size=5)}
    fusion = fusion_of({"words": 0.2, "global": 0.9}, weighting)

    permuted = fusion.combine({name: values[order] for name, values in branches.items()})

    assert permuted == pytest.approx(fusion.combine(branches)[order])


def test_groups_hold_the_branches_that_are_present():
    fusion = fusion_of({"words": 1.0, "global": 1.0, "local": 1.0}, "equal")

    groups = fusion.groups({"words": column(1), "global": column(2), "local": column(4)})

    assert {name: values.tolist() for name, values in groups.items()} == {"histogram": [1], "lgst": [6]}
    assert set(fusion.groups({"words": column(1)})) == {"histogram"}


def test_weight_grows_with_the_auroc_and_is_never_nothing():
    weights = [weight_of(auroc) for auroc in (0.0, 0.5, 0.75, 0.9, 1.0)]

    assert weights == sorted(weights)
    assert weights[0] > 0
    assert weights[-1] == pytest.approx(1)


def test_few_validation_images_are_logged_and_give_numbers(caplog):
    caplog.set_level(logging.WARNING)
    normal = {"local@top1%": column(1.0, 2.0)}

    fusion = fit_fusion(normal, {"local": 0.9}, "synthetic_auroc")

    assert "only 2 validation images" in caplog.text
    assert np.isfinite(fusion.combine(fusion.branch_scores(normal))).all()


def test_it_survives_the_model_folder():
    fusion = fit_fusion({"words@1": np.arange(9.0)}, {"words": 0.8}, "synthetic_auroc")

    assert Fusion.model_validate_json(fusion.model_dump_json()) == fusion


def test_a_branch_that_no_group_knows_is_refused_instead_of_dropped():
    with pytest.raises(StageError, match=r"no branch is called texture, .* expected some of components, words, "):
        fit_fusion({"local@top1%": np.arange(9.0), "texture@top1%": np.arange(9.0)}, {}, "synthetic_auroc")


@pytest.mark.parametrize("columns", [("local@top1%",), ("local@top1%", "detail@top1%", "global@max")])
def test_a_column_more_or_less_than_the_fusion_was_fitted_on_is_refused(columns):
    fusion = fit_fusion({"local@top1%": np.arange(9.0), "detail@top1%": np.arange(9.0)}, {}, "synthetic_auroc")

    with pytest.raises(ModelFolderError, match=r"differ in (detail@top1%|global@max): .* train again"):
        fusion.branch_scores(dict.fromkeys(columns, column(1)))


def test_a_line_with_every_branch_switched_off_is_told_what_to_switch_on():
    with pytest.raises(StageError, match=r"no branch is left .* set histogram\.codebook_size above 0"):
        fit_fusion({}, {}, "synthetic_auroc")


def draw_columns(generator, count):
    """Raw columns of good images as lines have them: 1 part in 10 of spread, some of it common to all."""
    common = generator.normal(size=count)
    names = ("components@1", "components@2", "words@1", "words@2", "global@max", "local@top1%", "detail@top1%")
    return {name: 10 + 0.5 * common + 0.9 * generator.normal(size=count) for name in names}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_handful_of_validation_images_still_lets_good_products_pass(count):
    generator = np.random.default_rng(count)
    rejected = []
    for _ in range(40):
        seen, later = draw_columns(generator, count), draw_columns(generator, 100)
        fusion = fit_fusion(seen, {}, "synthetic_auroc")
        threshold = choose_threshold(fusion.combine(fusion.branch_scores(seen)), 0.01).value
        rejected.append((fusion.combine(fusion.branch_scores(later)) > threshold).mean())

    assert np.mean(rejected) < 0.05


@pytest.mark.parametrize("count", [1, 3, 30])
def test_an_image_like_identical_ones_is_not_called_an_anomaly(count, caplog):
    same = {"global@max": np.full(count, 4.0), "local@top1%": np.full(count, 7.0)}
    fusion = fit_fusion(same, {}, "synthetic_auroc")
    threshold = choose_threshold(fusion.combine(fusion.branch_scores(same)), 0.01).value
    alike, odd = fusion.combine(fusion.branch_scores({"global@max": column(4.1, 40), "local@top1%": column(7.1, 70)}))

    assert alike < threshold < odd
    assert "is under-determined" in caplog.text
