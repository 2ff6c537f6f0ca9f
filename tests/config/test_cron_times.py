from datetime import datetime

import pytest

from csad.config.cron_times import next_time

MONDAY = datetime(2026, 1, 5, 2, 30)  # 1 January 2026 is a Thursday


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("0 30 2 * * MON", datetime(2026, 1, 1), MONDAY),
        ("0 30 2 * * MON", MONDAY, datetime(2026, 1, 12, 2, 30)),
        ("0 30 2 * * MON", datetime(2026, 1, 5, 2, 29, 59), MONDAY),
        ("*/20 * * * * *", datetime(2026, 1, 1, 23, 59, 45), datetime(2026, 1, 2)),
        ("0 0 0 29 2 *", datetime(2026, 1, 1), datetime(2028, 2, 29)),
        ("0 0 12 1 * MON", datetime(2026, 1, 2), datetime(2026, 1, 5, 12)),  # either: the first Monday
        ("0 0 12 1 * ?", datetime(2026, 1, 2), datetime(2026, 2, 1, 12)),  # both: any weekday
        ("0 0 12 * * SUN", datetime(2026, 1, 1), datetime(2026, 1, 4, 12)),
    ],
)
def test_the_next_time_fits_every_field(cron, after, expected):
    assert next_time(cron, after) == expected


def test_a_schedule_never_fires_at_the_moment_it_is_asked_about():
    assert next_time("* * * * * *", datetime(2026, 1, 1, 0, 0, 0)) == datetime(2026, 1, 1, 0, 0, 1)


def test_what_is_no_expression_is_refused():
    with pytest.raises(ValueError, match="six fields"):
        next_time("0 2 * * 1", datetime(2026, 1, 1))
