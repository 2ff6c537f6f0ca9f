"""Lines that were written before the settings took the field's terms."""

import logging

import pytest
from click.testing import CliRunner

from csad.cli import main
from csad.common.errors import LineError
from csad.config.aliases import KEYS, VALUES, new_key
from csad.config.line import ProductLine

OLD = """
name: bottles
tags: {words: [cap, label]}
histogram: {words: 16}
lgst: {memory_size: 800, global_student: linear, local_student: memory}
fusion: {weighting: evidence}
"""
NEW = """
name: bottles
tags: {prompts: [cap, label]}
histogram: {codebook_size: 16}
lgst: {coreset_size: 800, global_student: pca, local_student: memory_bank}
fusion: {weighting: synthetic_auroc}
"""


def test_old_names_mean_what_the_new_ones_mean():
    assert ProductLine.from_yaml(OLD) == ProductLine.from_yaml(NEW)
    assert ProductLine.from_yaml(OLD).digest() == ProductLine.from_yaml(NEW).digest()


def test_one_line_in_the_log_names_every_old_name_and_its_new_one(caplog):
    ProductLine.from_yaml(OLD, source="bottles.yaml")

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "bottles.yaml uses names that the next release refuses: tags.words is now tags.prompts, "
        "histogram.words is now histogram.codebook_size, lgst.memory_size is now lgst.coreset_size, "
        "lgst.global_student: linear is now lgst.global_student: pca, "
        "lgst.local_student: memory is now lgst.local_student: memory_bank, "
        "fusion.weighting: evidence is now fusion.weighting: synthetic_auroc; change them, what they mean is the same"
    )


def test_new_names_are_no_reason_for_a_line_in_the_log(caplog):
    ProductLine.from_yaml(NEW)

    assert caplog.records == []


def test_what_is_written_holds_the_new_names_alone(caplog):
    again = ProductLine.from_yaml(ProductLine.from_yaml(OLD).to_yaml())

    assert again == ProductLine.from_yaml(NEW)
    assert len(caplog.records) == 1, "only the old text is worth a line"


def test_every_old_name_leads_to_a_setting_that_there_is():
    sections = ProductLine.model_fields
    for section, keys in [*KEYS.items(), *VALUES.items()]:
        known = sections[section].annotation.model_fields
        for old, new in keys.items():
            assert old not in known or isinstance(new, dict)
            assert (old if isinstance(new, dict) else new) in known


def test_a_setting_under_both_of_its_names_is_refused():
    with pytest.raises(LineError) as caught:
        ProductLine.from_yaml("name: a\nlgst: {memory_size: 5, coreset_size: 6}", source="a.yaml")

    assert str(caught.value) == (
        "a.yaml: found lgst.memory_size and lgst.coreset_size, two names of one setting; keep the second"
    )


def test_a_wrong_value_under_an_old_name_is_refused_in_its_section():
    with pytest.raises(LineError, match=r"a\.yaml, line 2: lgst\.coreset_size: found 0, expected at least 1"):
        ProductLine.from_yaml("name: a\nlgst: {memory_size: 0}", source="a.yaml")


@pytest.mark.parametrize("section", ["3", "[words]", "null"])
def test_what_is_no_section_is_left_to_the_line_to_refuse(section):
    with pytest.raises(LineError, match=r"histogram: found .* expected a section"):
        ProductLine.from_yaml(f"name: a\nhistogram: {section}")


def test_the_old_key_counts_before_the_method_sets_what_is_left_out():
    assert ProductLine.from_yaml("name: a\nmethod: paper\nhistogram: {words: 8}").histogram.codebook_size == 8


def test_the_line_of_a_model_is_read_without_a_word(caplog):
    assert ProductLine.from_model(OLD) == ProductLine.from_yaml(NEW)
    assert caplog.records == []


def test_a_setting_on_the_command_line_may_have_its_old_key():
    assert new_key("histogram.words") == "histogram.codebook_size"
    assert new_key("lgst.steps") == "lgst.steps"


def test_the_check_of_a_line_says_the_old_names_once(tmp_path, tiny_line_data):
    file = tmp_path / "line.yaml"
    file.write_text("name: tiny\nhistogram: {words: 8}\nimages: {area: 16384}\n")

    done = CliRunner().invoke(main, ["line", "check", str(file), "--data", str(tiny_line_data)])

    assert done.exit_code == 0, done.output
    assert done.stderr.count("histogram.words is now histogram.codebook_size") == 1
    assert str(file) in done.stderr
