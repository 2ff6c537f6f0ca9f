import pytest

from csad.scoring.component_statistics import Deviation
from csad.scoring.explanations import MAXIMUM_EXPLANATIONS, describe

TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT = (0, 0), (0, 1), (1, 0), (1, 1)


def whole(label, expected, found, z_score):
    return Deviation(label, 1, (0, 0), expected, found, z_score)


def quarter(label, cell, expected, found, z_score):
    return Deviation(label, 2, cell, expected, found, z_score)


def test_a_component_that_is_not_there_is_missing_where_its_quarter_lacks_it():
    found = [whole(7, 0.009, 0, -9), quarter(7, TOP_LEFT, 0.036, 0, -8)]

    assert describe(found) == ("component 7: missing at top left; expected 0.9 %, found 0 % of the product",)


def test_a_component_that_no_product_has_is_extra():
    assert describe([whole(3, 0, 0.0625, 20)]) == (
        "component 3: extra; expected 0 %, found 6.2 % of the product",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "z_score", "verdict"),
    [(0.05, -6, "smaller or fewer than usual"), (0.15, 6, "larger or more than usual")],
)
def test_another_amount_of_what_is_there_is_a_size_or_a_number(found, z_score, verdict):
    (sentence,) = describe([whole(2, 0.1, found, z_score)])

    assert sentence.startswith(f"component 2: {verdict}; expected 10 %")


def test_what_one_quarter_lacks_and_another_has_is_in_the_wrong_place():
    found = [quarter(2, TOP_LEFT, 0, 0.1, 30), quarter(2, BOTTOM_RIGHT, 0.1, 0, -12)]

    assert describe(found) == (
        "component 2: in the wrong place, at top left instead of bottom right; "
        "expected 0 %, found 10 % of the quarter top left",
    )


def test_a_quarter_that_only_lacks_or_only_has_more_is_told_as_it_is():
    assert describe([quarter(4, BOTTOM_LEFT, 0.1, 0.01, -5)]) == (
        "component 4: missing at bottom left; expected 10 %, found 1 % of that quarter",
    )


def test_places_where_the_amount_differs_the_other_way_are_not_named():
    found = [whole(1, 0.1, 0, -9), quarter(1, TOP_LEFT, 0.2, 0, -8), quarter(1, TOP_RIGHT, 0, 0.01, 5)]

    assert describe(found)[0].startswith("component 1: missing at top left;")


def test_each_component_is_told_once_whole_products_first_and_the_worst_first_of_them():
    found = [quarter(5, TOP_LEFT, 0.1, 0, -30), whole(1, 0.1, 0, -9), whole(2, 0.1, 0, -7)]

    assert [sentence.split(":")[0] for sentence in describe(found)] == ["component 1", "component 2", "component 5"]


def test_at_most_five_explanations_are_told_and_none_where_nothing_differs():
    assert len(describe([whole(label, 0.1, 0, -9) for label in range(1, 9)])) == MAXIMUM_EXPLANATIONS == 5
    assert describe([]) == ()
