import json

import pytest
from click.testing import CliRunner

from csad.cli import main
from csad.config.line import ProductLine


def invoke(*arguments):
    return CliRunner().invoke(main, ["line", *map(str, arguments)])


@pytest.fixture
def paper(tmp_path):
    path = tmp_path / "kit.yaml"
    assert invoke("new", "kit", "--preset", "paper", "--output", path).exit_code == 0
    return path


def test_a_new_line_of_the_paper_holds_every_value_of_the_paper(paper):
    assert ProductLine.from_file(paper) == ProductLine.from_yaml("name: kit\nmethod: paper\n")
    assert "  epochs: 120\n" in paper.read_text()


def test_show_prints_what_counts_and_what_differs_from_the_method(tmp_path):
    path = tmp_path / "kit.yaml"
    path.write_text("name: kit\nmethod: paper\nlgst: {steps: 7}\n")
    shown = invoke("show", path)
    assert "  steps: 7\n" in shown.stdout
    assert "  grid: [56, 56]\n" in shown.stdout
    assert shown.stderr == "# From method paper it differs in 1 settings: lgst.steps.\n"


def test_show_of_a_line_as_its_method_has_it_says_so(paper):
    assert invoke("show", paper).stderr == "# From method paper it differs in nothing.\n"


def test_show_for_scripts_is_json(paper):
    assert json.loads(invoke("show", paper, "--json").stdout)["lgst"]["pdn_width"] == 128


def test_show_of_a_model_prints_the_line_that_it_was_made_with(tiny_model):
    shown = invoke("show", tiny_model)
    assert shown.exit_code == 0
    assert ProductLine.from_yaml(shown.stdout).lgst.coreset_size == 200


def test_show_of_a_folder_that_is_no_model_is_refused(tmp_path):
    shown = invoke("show", tmp_path)
    assert shown.exit_code == 1
    assert "is no model folder" in shown.output
