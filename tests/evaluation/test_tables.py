import re

import pytest

from csad.evaluation.evaluate import evaluate
from csad.evaluation.figures import Rate
from csad.evaluation.tables import rate

from .fakes import DataSet, FakeScorer, ScorerWithBackground, picture


def rows(text):
    """Each line that is a table row: its first words to its figures."""
    cells = [line.split("  ") for line in text.splitlines()]
    return {cell[0].strip(): [value.strip() for value in cell[1:] if value.strip()] for cell in cells if len(cell) > 1}


@pytest.fixture
def text(kit):
    return evaluate(ScorerWithBackground(), kit.images()).to_text()


def test_the_ablation_lists_every_branch_and_the_background(text):
    found = rows("\n".join(line.strip() for line in text.splitlines()))
    assert found["full"] == ["75.0", "100.0", "87.5"]
    assert found["histogram"] == ["93.8", "37.5", "65.6"]
    assert found["background only"] == ["93.8", "37.5", "65.6"]


def test_localisation_lists_the_limits(text):
    found = rows("\n".join(line.strip() for line in text.splitlines()))
    assert found["all together"] == ["50.2", "51.2", "52.5", "57.5", "75.0"]


def test_the_decision_shows_counts_and_intervals(text):
    assert "100, for a false-reject rate of 1.0 %" in text
    assert "25.0 % (1 of 4; 0.6 to 80.6 %)" in text
    assert "1 of 3 anomalous images have no mask" in text


def test_the_decision_shows_what_good_images_alone_say_of_it(text):
    assert re.search(r"synthetic anomalies rejected +coloured spot 75\.0 %", text)
    assert re.search(r"odd images among the good ones +train/good/007", text)


def test_long_names_are_neither_cut_nor_wrapped(tmp_path):
    kind = "a_kind_of_anomaly_with_a_very_long_name_that_goes_on_and_on_" * 3
    data = DataSet(tmp_path).add("test", "good", [picture(1)]).add("test", kind, [picture(2)])
    assert kind in evaluate(FakeScorer(), data.images()).to_text()


def test_a_rate_without_images_is_said_to_be_none():
    assert rate(Rate.of(0, 0)) == "no images"
