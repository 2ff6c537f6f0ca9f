"""Explanations of unusual amounts of components: missing, extra, smaller, larger, or in the wrong place.

Ours, from the class histograms of paper 3.3 that also draw the map of 3.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from csad.scoring.component_statistics import GRIDS, Deviation

MAXIMUM_EXPLANATIONS = 5
PRESENT = 0.2
"""Fraction of the larger of expected and found: with less than this of a component it is not there."""

ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "centre", "right")


def describe(deviations: Sequence[Deviation]) -> tuple[str, ...]:
    """Explain deviations, worst first, one sentence for each component, at most `MAXIMUM_EXPLANATIONS`.

    Args:
        deviations: Worst first, as `ComponentStatistics.deviations` finds them.
    """
    whole = {deviation.label: deviation for deviation in reversed(deviations) if deviation.grid == 1}
    cells: dict[int, list[Deviation]] = {}
    for deviation in deviations:
        if deviation.grid > 1:
            cells.setdefault(deviation.label, []).append(deviation)
    labels = [deviation.label for deviation in deviations if deviation.grid == 1]
    labels += [deviation.label for deviation in deviations if deviation.label not in whole]
    sentences = [
        _amount(whole[label], cells.get(label, [])) if label in whole else _place(cells[label])
        for label in dict.fromkeys(labels)
    ]
    return tuple(sentences)[:MAXIMUM_EXPLANATIONS]


def _amount(deviation: Deviation, cells: Sequence[Deviation]) -> str:
    """A component of which the product as a whole holds another amount."""
    places = sorted({_name(cell) for cell in cells if cell.z_score * deviation.z_score > 0})
    where = f" at {' and '.join(places)}" if 0 < len(places) < GRIDS[-1] ** 2 else ""
    return f"component {deviation.label}: {_verdict(deviation)}{where}; {_percentages(deviation)} of the product"


def _place(cells: Sequence[Deviation]) -> str:
    """A component of which the product holds its amount, but not where it belongs."""
    worst = cells[0]
    less = next((cell for cell in cells if cell.z_score < 0), None)
    more = next((cell for cell in cells if cell.z_score > 0), None)
    if less and more:
        return (
            f"component {worst.label}: in the wrong place, at {_name(more)} instead of {_name(less)}; "
            f"{_percentages(worst)} of the quarter {_name(worst)}"
        )
    return f"component {worst.label}: {_verdict(worst)} at {_name(worst)}; {_percentages(worst)} of that quarter"


def _verdict(deviation: Deviation) -> str:
    if deviation.z_score < 0:
        return "missing" if deviation.found <= PRESENT * deviation.expected else "smaller or fewer than usual"
    return "extra" if deviation.expected <= PRESENT * deviation.found else "larger or more than usual"


def _percentages(deviation: Deviation) -> str:
    return f"expected {100 * deviation.expected:.2g} %, found {100 * deviation.found:.2g} %"


def _name(deviation: Deviation) -> str:
    row, column = deviation.cell
    last = deviation.grid - 1
    return f"{ROWS[round(2 * row / last)]} {COLUMNS[round(2 * column / last)]}"
