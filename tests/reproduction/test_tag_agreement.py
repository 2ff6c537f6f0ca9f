import pytest

from csad.config.settings import TagSettings
from csad.reproduction.published import CATEGORIES, PROGRAM_PROMPTS, TAGS
from csad.reproduction.tag_agreement import tag_agreement


def test_each_tag_is_counted_on_its_side():
    # "plastic" is a material, "table" a background; the made-up paper keeps plastic and drops the banana.
    found = tag_agreement("kit", ["Apple", "banana", "plastic", "table", "apple"], ["apple", "plastic"], TagSettings())
    assert (found.both, found.extra, found.lost, found.neither) == (("apple",), ("banana",), ("plastic",), ("table",))
    assert found.fraction == 0.5


def test_a_tag_that_nobody_found_counts_for_nobody():
    assert tag_agreement("kit", ["apple"], ["apple", "pear"], TagSettings()).fraction == 1.0


@pytest.mark.parametrize("category", TAGS)
def test_the_filter_keeps_the_papers_tags_but_for_a_second_container(category):
    found = tag_agreement(category, TAGS[category], TAGS[category], TagSettings())
    assert found.lost == (("container",) if category == "screw_bag" else ())


def test_the_filter_drops_what_the_program_adds_and_the_paper_drops():
    # Two containers, a material and an action; "metal circle" is a thing.
    screws = tag_agreement("screw_bag", PROGRAM_PROMPTS["screw_bag"], TAGS["screw_bag"], TagSettings())
    assert (screws.extra, screws.neither) == (("metal circle",), ("package", "plastic"))
    wires = tag_agreement(
        "splicing_connectors", PROGRAM_PROMPTS["splicing_connectors"], TAGS["splicing_connectors"], TagSettings()
    )
    assert (wires.extra, wires.lost, wires.neither) == ((), (), ("attach",))


def test_every_category_but_the_merged_one_has_its_tags():
    assert set(CATEGORIES) - set(TAGS) == {"juice_bottle"}
