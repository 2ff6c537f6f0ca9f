"""What users import stays where the README says it is, wherever the code behind it moves."""

from csad import line, scorer
from csad.config.line import ProductLine
from csad.scoring.scorer import Score, Scorer


def test_the_line_and_the_scorer_are_found_at_the_top_of_the_package():
    assert line.ProductLine is ProductLine
    assert (scorer.Scorer, scorer.Score) == (Scorer, Score)
