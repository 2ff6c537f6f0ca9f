from pathlib import Path

from csad.config.presets import PAPER
from csad.reproduction.page import page

COMMITTED = Path(__file__).parents[2] / "docs/reproducing-the-paper.md"


def test_the_committed_page_is_the_generated_one():
    assert COMMITTED.read_text(encoding="utf-8") == page(), (
        f"run: python -m csad.reproduction.page {COMMITTED.relative_to(Path(__file__).parents[2])}"
    )


def test_every_setting_of_the_method_has_its_row():
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) == len(PAPER)
    assert "| `lgst.grid` | [56, 56] | null |" in page()
    assert "| `histogram.soft` | false | true |" in page()
