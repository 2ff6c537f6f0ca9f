from pathlib import Path

import pytest
import yaml

from csad.common.errors import LineError
from csad.config.line import ProductLine
from csad.reproduction.data_sets import Category
from csad.reproduction.lines import BASE, LINES, LSA, PATCH_SIZES, distinct_variants, line_of, parse_setting
from csad.reproduction.published import CATEGORIES, TAGS

ROOT = Path(__file__).parents[2]
THRESHOLDS = {
    "breakfast_box": (0.25, 0.2),
    "juice_bottle": (0.3, 0.3),
    "pushpins": (0.15, 0.2),
    "screw_bag": (0.3, 0.3),
    "splicing_connectors": (0.3, 0.2),
}


def loco(category, **options):
    return line_of("loco", Category(category, Path("nowhere")), "paper", BASE, options)


def test_there_is_a_line_for_each_category_also_among_the_lines_of_the_repository():
    assert sorted(file.stem for file in LINES.glob("*.yaml")) == sorted(CATEGORIES)
    assert (ROOT / "lines/loco").resolve() == LINES.resolve()


@pytest.mark.parametrize("category", CATEGORIES)
def test_modes_thresholds_and_filters_are_the_papers(category):
    line = loco(category)
    labels = line.pseudo_labels
    fine = category in ("juice_bottle", "screw_bag")
    assert (line.name, line.method, labels.proposals) == (category, "paper", "foundation")
    assert labels.mode == ("fine" if fine else "coarse")
    assert (labels.foundation.box_threshold, labels.foundation.text_threshold) == THRESHOLDS[category]
    assert labels.label_clusters == ("all" if category in ("pushpins", "splicing_connectors") else "largest")
    assert labels.bandwidth == (13.2 if category == "screw_bag" else 15.4)
    if fine:
        assert labels.filter_by_combine
        assert labels.filter_by_grounding is (category == "screw_bag")
    if category in TAGS:
        assert line.tags.prompts == TAGS[category]


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_file_says_only_what_differs_from_the_method(category):
    values = yaml.safe_load((LINES / f"{category}.yaml").read_text())
    assert ProductLine.from_yaml(yaml.safe_dump(values)).method == "paper"
    assert set(values) == {"name", "method", "tags", "pseudo_labels"}


def test_own_settings_change_single_keys_at_any_depth():
    line = loco("pushpins", **{"segmentation.epochs": 3, "pseudo_labels.foundation.sam": "vit_tiny"})
    assert (line.segmentation.epochs, line.pseudo_labels.foundation.sam) == (3, "vit_tiny")
    assert line.pseudo_labels.foundation.box_threshold == 0.15


def test_what_a_table_compares_goes_before_own_settings():
    category = Category("pushpins", Path("nowhere"))
    line = line_of("loco", category, "paper", PATCH_SIZES["256"], {"histogram.grids": [1, 2, 3]})
    assert line.histogram.grids == (1,)


def test_an_unknown_setting_is_refused_with_the_nearest_one():
    with pytest.raises(LineError, match=r"segmentation\.epoch: unknown key; did you mean epochs"):
        loco("pushpins", **{"segmentation.epoch": 3})


def test_the_default_preset_is_a_fresh_line():
    category = Category("pushpins", Path("nowhere"))
    assert line_of("loco", category, "default", BASE, {}) == ProductLine(name="pushpins")


def test_variants_with_the_same_settings_are_one_run():
    category = Category("pushpins", Path("nowhere"))
    variants = (BASE, LSA, PATCH_SIZES["256"], PATCH_SIZES["256+128"])
    lines = {variant: line_of("loco", category, "paper", variant, {}) for variant in variants}
    assert distinct_variants(lines) == {
        BASE: BASE,
        LSA: BASE,
        PATCH_SIZES["256"]: PATCH_SIZES["256"],
        PATCH_SIZES["256+128"]: BASE,
    }


def test_a_setting_has_a_section_a_key_and_a_value():
    assert parse_setting("lgst.grid=[8, 8]") == ("lgst.grid", [8, 8])
    for wrong in ("lgst.steps", "steps=3", "lgst.steps=[", ""):
        with pytest.raises(LineError, match="--set"):
            parse_setting(wrong)
