"""The unusual amounts of components, in words: missing, extra, smaller, larger, or in the wrong place (METHOD 6)."""

from __future__ import annotations

from collections.abc import Sequence

from csad.scoring.inventory import GRIDS, Difference

MAXIMUM_FINDINGS = 5
PRESENT = 0.2
"""Of the larger of expected and found: with less than this of a component it is not there."""

ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "centre", "right")


def describe(differences: Sequence[Difference]) -> tuple[str, ...]:
    """Put differences in words, worst first, one sentence for each component, at most `MAXIMUM_FINDINGS`.

    Args:
        differences: Worst first, as `Inventory.differences` finds them.
    """
    whole = {difference.label: difference for difference in reversed(differences) if difference.grid == 1}
    cells: dict[int, list[Difference]] = {}
    for difference in differences:
        if difference.grid > 1:
            cells.setdefault(difference.label, []).append(difference)
    labels = [difference.label for difference in differences if difference.grid == 1]
    labels += [difference.label for difference in differences if difference.label not in whole]
    sentences = [
        _amount(whole[label], cells.get(label, [])) if label in whole else _place(cells[label])
        for label in dict.fromkeys(labels)
    ]
    return tuple(sentences)[:MAXIMUM_FINDINGS]


def _amount(difference: Difference, cells: Sequence[Difference]) -> str:
    """A component of which the product as a whole holds another amount."""
    places = sorted({_name(cell) for cell in cells if cell.deviations * difference.deviations > 0})
    where = f" at {' and '.join(places)}" if 0 < len(places) < GRIDS[-1] ** 2 else ""
    return f"component {difference.label}: {_verdict(difference)}{where}; {_percentages(difference)} of the product"


def _place(cells: Sequence[Difference]) -> str:
    """A component of which the product holds its amount, but not where it belongs."""
    worst = cells[0]
    less = next((cell for cell in cells if cell.deviations < 0), None)
    more = next((cell for cell in cells if cell.deviations > 0), None)
    if less and more:
        return (
            f"component {worst.label}: in the wrong place, at {_name(more)} instead of {_name(less)}; "
            f"{_percentages(worst)} of the quarter {_name(worst)}"
        )
    return f"component {worst.label}: {_verdict(worst)} at {_name(worst)}; {_percentages(worst)} of that quarter"


def _verdict(difference: Difference) -> str:
    if difference.deviations < 0:
        return "missing" if difference.found <= PRESENT * difference.expected else "smaller or fewer than usual"
    return "extra" if difference.expected <= PRESENT * difference.found else "larger or more than usual"


def _percentages(difference: Difference) -> str:
    return f"expected {100 * difference.expected:.2g} %, found {100 * difference.found:.2g} %"


def _name(difference: Difference) -> str:
    row, column = difference.cell
    last = difference.grid - 1
    return f"{ROWS[round(2 * row / last)]} {COLUMNS[round(2 * column / last)]}"
