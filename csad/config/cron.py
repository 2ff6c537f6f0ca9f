"""The cron expressions of Kubeflow's schedules: six fields, the first one seconds (robfig/cron, version 1)."""

import re
from dataclasses import dataclass

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
SHORTHANDS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
EXPECTED = "six fields: second minute hour day month weekday, such as 0 0 2 * * MON"
ITEM = re.compile(r"(\*|\?|\w+)(?:-(\w+))?(?:/(\d+))?")


@dataclass(frozen=True)
class Field:
    """One of the six fields.

    Attributes:
        name: What it counts.
        low: Smallest number.
        high: Largest number.
        names: Words that stand for numbers, from `low` on.
    """

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """Numbers that a field stands for.

        Raises:
            ValueError: It is none; the message says why.
        """
        return frozenset(value for item in text.split(",") for value in self._item(item))

    def _item(self, item: str) -> range:
        match = ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{self._expected()}, found {item!r} for the {self.name}")
        first, last, step = match.groups()
        if first in ("*", "?"):
            if last is not None:
                raise ValueError(f"{self._expected()}, found {item!r} for the {self.name}")
            start, end = self.low, self.high
        else:
            start = self._number(first, item)
            end = self._number(last, item) if last is not None else (self.high if step else start)
        if start > end:
            raise ValueError(f"a range that goes up for the {self.name}, found {item!r}")
        if step is not None and int(step) == 0:
            raise ValueError(f"a step of at least 1 for the {self.name}, found {item!r}")
        return range(start, end + 1, int(step or 1))

    def _number(self, text: str, item: str) -> int:
        if text.upper() in self.names:
            return self.low + self.names.index(text.upper())
        if not text.isdigit() or not self.low <= int(text) <= self.high:
            raise ValueError(f"{self._expected()}, found {item!r} for the {self.name}")
        return int(text)

    def _expected(self) -> str:
        words = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"*, or numbers from {self.low} to {self.high}{words}"


FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day", 1, 31),
    Field("month", 1, 12, tuple(MONTHS)),
    Field("weekday", 0, 6, tuple(WEEKDAYS)),
)


def check_cron(text: str) -> str:
    """Return a cron expression with single spaces.

    Kubeflow takes five fields for second to month, so a crontab's line would run at times that nobody meant.

    Raises:
        ValueError: It is none, or there is no day at which it would run; the message says what was expected.
    """
    if text.strip().lower() in SHORTHANDS:
        raise ValueError(f"{EXPECTED}; {text.strip()} is written {SHORTHANDS[text.strip().lower()]}")
    parts = text.split()
    if len(parts) == 5:
        raise ValueError(f"{EXPECTED}; this has five, as in a crontab: put a second in front, 0 {' '.join(parts)}")
    if len(parts) != len(FIELDS):
        raise ValueError(f"{EXPECTED}; this has {len(parts)}")
    values = [field.values(part) for field, part in zip(FIELDS, parts, strict=True)]
    days, months, weekdays = values[3:]
    any_weekday = weekdays == frozenset(range(7))
    if any_weekday and min(days) > max(LONGEST[month - 1] for month in months):
        raise ValueError(f"a day that one of its months has, found day {parts[3]} and month {parts[4]}")
    return " ".join(parts)
