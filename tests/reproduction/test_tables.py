import pytest

from csad.evaluation.figures import AurocByKind, SproByKind
from csad.reproduction.cells import auroc_cell, mean
from csad.reproduction.latency import Latency
from csad.reproduction.published import CATEGORIES
from csad.reproduction.runs import Run
from csad.reproduction.tables import Runs, build_table


def run(category, logical, structural, seed=0, spro=None):
    figures = AurocByKind(
        logical=logical,
        structural=structural,
        mean=(logical + structural) / 2,
        intervals={"logical": (logical - 4, logical + 2), "structural": (structural - 6, structural + 4)},
    )
    return Run(
        category=category,
        variant="base",
        seed=seed,
        classes=7,
        auroc=dict.fromkeys(("full", "components", "histogram", "lgst"), figures),
        spro=None if spro is None else SproByKind(all={0.3: spro, 1.0: 100.0}),
        latency={"both": Latency(milliseconds=4.0, per_second=500.0, runs=3, device="cpu")},
        images={},
    )


def test_a_cell_holds_the_mean_over_seeds_their_spread_and_the_mean_interval():
    runs = [run("pushpins", 90, 80), run("pushpins", 92, 80, seed=1)]
    assert auroc_cell(runs, "full", "logical") == "91.0 (seeds 90.0 to 92.0) [87.0, 93.0]"
    assert auroc_cell(runs[:1], "full", "structural") == "80.0 [74.0, 84.0]"
    assert auroc_cell(runs, "full", "mean") == "85.5 (seeds 85.0 to 86.0)"
    assert auroc_cell(runs, "words", "mean") == "-"


def test_a_mean_needs_every_figure():
    assert mean([1.0, 3.0]) == 2.0
    assert mean([1.0, None]) is None
    assert mean([]) is None


def test_the_main_table_sets_all_categories_beside_the_published_figures():
    base = {category: [run(category, 90, 80)] for category in CATEGORIES}
    table = build_table(1, Runs({"base": base}, comparable=True))
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["pushpins"] == ("90.0 [86.0, 92.0]", "80.0 [74.0, 84.0]", "85.0", "99.5", "97.8", "98.7")
    assert rows["mean"] == ("90.0", "80.0", "85.0", "96.7", "94.0", "95.3")
    assert rows["PatchCore (published)"] == ("-", "-", "-", "73.9", "89.3", "81.6")
    assert "4.0 ms" in table.notes[0]
    assert "published 8.9 ms" in table.notes[0]


def test_an_incomplete_mean_stands_beside_no_published_one():
    table = build_table(1, Runs({"base": {"pushpins": [run("pushpins", 90, 80)]}}, comparable=False))
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["pushpins"][3:] == ("99.5", "97.8", "98.7")
    assert rows["mean"][3:] == ("-", "-", "-")
    assert "PatchCore (published)" not in rows


def test_localisation_holds_the_students_and_the_whole_beside_the_published():
    runs = Runs(
        {
            "base": {"pushpins": [run("pushpins", 90, 80, spro=70.0)]},
            "lgst_map": {"pushpins": [run("pushpins", 90, 80, spro=60.0)]},
        },
        comparable=False,
    )
    assert build_table(6, runs).rows == (
        ("pushpins", "60.0", "70.0", "-", "88.1"),
        ("mean", "60.0", "70.0", "-", "-"),
    )


def test_branches_hold_their_cost():
    base = {category: [run(category, 90, 80)] for category in CATEGORIES}
    rows = {row[0]: row[1:] for row in build_table(7, Runs({"base": base}, comparable=True)).rows}
    assert rows["both"] == ("90.0", "80.0", "85.0", "4.0", "500.0", "96.7", "94.0", "95.3")
    assert rows["histogram"][3:] == ("-", "-", "91.4", "75.4", "83.4")


@pytest.mark.parametrize("number", range(1, 8))
def test_a_table_of_nothing_holds_dashes_and_every_row_has_every_column(number):
    for measured in ({}, {"base": {"pushpins": [run("pushpins", 90, 80)]}}):
        table = build_table(number, Runs(measured, comparable=False))
        assert all(len(row) == len(table.head) for row in table.rows)
