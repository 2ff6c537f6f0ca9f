import re

import pytest

from csad.config.cron import FIELDS, check_cron


@pytest.mark.parametrize(
    "text",
    [
        "0 0 2 * * 1",
        "0 */15 * ? * MON-FRI",
        "30 5,35 8-18/2 1,15 JAN-MAR *",
        "0 0 0 29 2 *",
        "0 0 0 31 1,2 *",
        "0 0 2 31 2 1",
    ],
)
def test_six_fields_are_taken(text):
    assert check_cron(text) == text


def test_spaces_are_made_single():
    assert check_cron(" 0  0 2 * *   1 ") == "0 0 2 * * 1"


def test_a_line_of_a_crontab_gets_its_remedy():
    with pytest.raises(ValueError, match=r"put a second in front, 0 30 2 \* \* 1$"):
        check_cron("30 2 * * 1")


@pytest.mark.parametrize(("text", "remedy"), [("@daily", "0 0 0 * * *"), ("@Weekly", "0 0 0 * * 0")])
def test_a_shorthand_is_written_out(text, remedy):
    with pytest.raises(ValueError, match=f"is written {re.escape(remedy)}$"):
        check_cron(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this has 0"),
        ("0 0 2 * * 1 2026", "this has 7"),
        ("60 0 2 * * *", "found '60' for the second"),
        ("0 0 24 * * *", "found '24' for the hour"),
        ("0 0 0 0 * *", "found '0' for the day"),
        ("0 0 0 * 13 *", "found '13' for the month"),
        ("0 0 0 * * 7", "numbers from 0 to 6 or SUN to SAT, found '7' for the weekday"),
        ("0 5-3 * * * *", "a range that goes up for the minute"),
        ("0 */0 * * * *", "a step of at least 1 for the minute"),
        ("0 *-3 * * * *", "found '*-3' for the minute"),
        ("0 1,,2 * * * *", "found '' for the minute"),
        ("0 0 0 30 2 *", "a day that one of its months has"),
        ("0 0 0 31 4,6,9,11 *", "a day that one of its months has"),
    ],
)
def test_what_never_runs_or_means_nothing_is_refused(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        check_cron(text)


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        (0, "*/20", {0, 20, 40}),
        (0, "50/5", {50, 55}),
        (2, "8-10,22", {8, 9, 10, 22}),
        (4, "feb-APR", {2, 3, 4}),
        (5, "MON-FRI", {1, 2, 3, 4, 5}),
        (5, "?", set(range(7))),
    ],
)
def test_a_field_stands_for_its_numbers(field, text, values):
    assert FIELDS[field].values(text) == values
