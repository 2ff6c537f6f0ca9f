"""The generators of reference pages say what models, commands and source say."""

import ast

import click
import pytest
from mkdocs.exceptions import PluginError

from csad.serving.settings import ServingSettings
from docs_site import command_reference, error_reference, hook, http_reference
from docs_site.settings_reference import old_names, range_of, type_of
from docs_site.tables import table


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "integer"}, "integer"),
        ({"enum": ["auto", "full"], "type": "string"}, "`auto` or `full`"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number, or `null`"),
        ({"type": "array", "items": {"type": "string"}}, "list of string"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "integer"}]}, "[integer, integer]"),
        ({"$ref": "#/$defs/Kind"}, "`only`"),
    ],
)
def test_a_type_is_said_in_words(schema, said):
    assert type_of(schema, {"Kind": {"const": "only"}}) == said


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string"}, ""),
        ({"minimum": 0, "maximum": 1}, "0 to 1"),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 1}, "above 0, below 1"),
        ({"exclusiveMinimum": 0, "maximum": 256}, "above 0, at most 256"),
        ({"minimum": 16384}, "at least 16,384"),
        ({"minimum": 64, "maximum": 2048, "multipleOf": 32}, "64 to 2,048, multiple of 32"),
        ({"anyOf": [{"minimum": 1}, {"type": "null"}]}, "at least 1"),
        ({"type": "array", "minItems": 1, "items": {"minimum": 1, "maximum": 16}}, "at least 1 of them; 1 to 16"),
    ],
)
def test_a_range_is_said_in_words(schema, said):
    assert range_of(schema, {}) == said


def test_an_old_name_leads_to_the_new_one():
    old = "memory" + "_size"  # a word that is not to come back
    assert f"| `lgst.{old}` | `lgst.coreset_size` |" in old_names()
    assert "| `lgst.local_student: memory_bank` |" in old_names()


def test_a_command_is_shown_as_a_terminal_shows_it():
    @click.group()
    def tool():
        """Do things."""

    @tool.command()
    @click.option("--often", default=3, show_default=True, help="How often.")
    def work(often):
        """Work a while."""

    text = command_reference.reference(tool, "tool")

    assert text.startswith("## tool\n\n```text\nUsage: tool [OPTIONS] COMMAND [ARGS]...")
    assert "## tool work\n\n```text\nUsage: tool work [OPTIONS]\n\n  Work a while." in text
    assert "--often INTEGER  How often.  [default: 3]" in text


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("'a text'", {"a text"}),
        ("f'{path} lacks {error}; copy it'", {"‹path› lacks ‹error›; copy it"}),
        ("f'{self.path.name} is empty'", {"‹name› is empty"}),
        ("'no ' + ('cat' if one else 'cats')", {"no cat", "no cats"}),
        ("text", set()),
    ],
)
def test_a_message_is_read_from_the_source_with_marks_for_what_differs(expression, said):
    assert set(error_reference.templates(ast.parse(expression, mode="eval").body)) == said


def test_every_class_of_errors_has_a_remedy_and_no_other():
    assert set(error_reference.read_remedies()) == {one.name for one in error_reference.find_classes()}


def test_errors_are_found_wherever_they_are_defined():
    found = {one.name: one.base for one in error_reference.find_classes()}
    assert found["LineError"] == "CsadError"
    assert found["EmptyImage"] == "ImageError"
    assert found["PipelineServerError"] == "CsadError"
    assert "Problem" not in found


def test_every_variable_of_the_service_has_its_default_and_a_meaning():
    rows = http_reference.variables().splitlines()[2:]
    assert len(rows) == len(ServingSettings.model_fields)
    assert "| `CSAD_MAX_FILES` | `64` | Images in one batch request. |" in rows
    assert "| `CSAD_TOKEN` | none | Bearer token that requests must carry; empty asks for none. |" in rows


def test_a_part_that_nothing_generates_is_refused():
    with pytest.raises(PluginError, match=r"guide\.md asks for the generated part 'setings'; there are .*settings"):
        hook.fill_in("before\n\n<!-- generated: setings -->\n", "guide.md")


def test_names_of_the_documented_code_become_links_and_others_stay():
    told = "`csad.scoring.fusion.Fusion` and `csad.store` and `csad line new` and [`csad.lgst.pca`](x.md)"
    assert hook.link_names(told) == (
        "[`csad.scoring.fusion.Fusion`][csad.scoring.fusion.Fusion] and `csad.store` and `csad line new` and "
        "[`csad.lgst.pca`](x.md)"
    )


def test_a_cell_cannot_end_its_column():
    assert table(("a", "b"), [("x|y", "z")]) == "| a | b |\n| --- | --- |\n| x&#124;y | z |"
