"""When a cron expression fires next, as Kubeflow's scheduler (robfig/cron, version 1) reads it."""

from datetime import datetime, timedelta

from csad.config.cron import FIELDS, check_cron

LONGEST_WAIT = timedelta(days=5 * 366)
"""29 February comes within it, but for the turn of most centuries."""


def next_time(cron: str, after: datetime) -> datetime | None:
    """Find the next time at which a schedule fires.

    Day and weekday must both fit where one of them is a star; where both are given, either is enough.

    Args:
        cron: Six fields.
        after: The time is later than this, in the same time zone.

    Returns:
        None where there is none within five years.

    Raises:
        ValueError: The expression is none.

    Example:
        >>> next_time("0 30 2 * * MON", datetime(2026, 1, 1))
        datetime.datetime(2026, 1, 5, 2, 30)
    """
    parts = check_cron(cron).split()
    seconds, minutes, hours, days, months, weekdays = (
        field.values(part) for field, part in zip(FIELDS, parts, strict=True)
    )
    starred = any(item[0] in "*?" for part in (parts[3], parts[5]) for item in part.split(","))
    first = after.replace(microsecond=0) + timedelta(seconds=1)
    day = first.replace(hour=0, minute=0, second=0)
    while day - first < LONGEST_WAIT:
        fits = (day.day in days, (day.weekday() + 1) % 7 in weekdays)
        if day.month in months and (all(fits) if starred else any(fits)):
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    if day.replace(hour=hour, minute=minute, second=59) < first:
                        continue
                    for second in sorted(seconds):
                        found = day.replace(hour=hour, minute=minute, second=second)
                        if found >= first:
                            return found
        day += timedelta(days=1)
    return None
