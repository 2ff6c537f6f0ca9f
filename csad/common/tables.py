"""Tables of text: aligned columns that neither wrap nor cut, so that they can be read and searched; and Markdown."""

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]


def table(head: Sequence[str], rows: Rows, right_from: int | None = None) -> str:
    """Align columns under their heads; a head without a word is left out.

    Args:
        head: A word per column.
        rows: Rows as many cells each.
        right_from: First column of figures, which end below each other; None: there are none.
    """
    lines = [list(head), *map(list, rows)] if any(head) else list(map(list, rows))
    widths = [max((len(line[column]) for line in lines), default=0) for column in range(len(head))]
    figures = len(head) if right_from is None else right_from

    def aligned(line: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if column >= figures else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join(map(aligned, lines))


def markdown_table(head: Sequence[str], rows: Rows, right_from: int = 1) -> str:
    """Write a table in Markdown; columns from `right_from` on are figures."""
    rule = ["---:" if column >= right_from else "---" for column in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))
