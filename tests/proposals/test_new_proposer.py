"""A whole new proposer is one file: nothing else of csad knows it."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import csad
from csad.cli.line_report import LineReport
from csad.common.errors import LineError, StageError
from csad.config.line import ProductLine
from csad.imaging.masks import load_masks
from csad.proposals.proposers import proposer_of
from csad.proposals.registry import register, unregister
from csad.stages import ingest, masks, tagging
from pipelines.shape import Shape

FILE = """
from csad.imaging.masks import ComponentMask
from csad.proposals.proposal_result import RefinedProposals
from csad.proposals.proposer import Proposer
from csad.proposals.registry import register


@register
class Halves(Proposer):
    name = "halves"
    needs_prompts = True

    def build(self, line, images, prompts):
        return RefinedProposals(LeftAndRight(prompts), combine=False)

    def missing(self, line):
        return ("a saw",)


class LeftAndRight:
    name = "left and right"

    def __init__(self, prompts):
        self.prompts = prompts

    def propose(self, image):
        left = image[..., 0] * 0 == 1
        left[:, : image.shape[1] // 2] = True
        return [ComponentMask(mask, " ".join(self.prompts), 1.0) for mask in (left, ~left)]
"""
LINE = "{name: kit, pseudo_labels: {proposals: halves}, tags: {prompts: [left, right]}}"


@pytest.fixture
def file(tmp_path):
    """The proposer, registered by importing its file."""
    path = tmp_path / "halves.py"
    path.write_text(FILE)
    spec = importlib.util.spec_from_file_location("halves", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["halves"] = module
    spec.loader.exec_module(module)
    yield path
    unregister("halves")
    del sys.modules["halves"]


def test_it_proposes_the_masks_of_a_line_that_names_it_and_is_given_the_prompts(file, tiny_line_data, tmp_path):
    line = ProductLine.from_yaml(LINE)
    images, tags, output = (tmp_path / name for name in ("images", "tags", "masks"))
    ingest.run(line, tiny_line_data, images)
    tagging.run(line, images, tags)

    summary = masks.run(line, images, tags, output)

    assert (summary.proposer, summary.proposed, summary.kept) == ("left and right", 20, 20)
    left, right = load_masks(output / "000.json")
    assert left.source == "left right"
    assert left.mask.sum() == right.mask.sum() == 64 * 128
    assert (output / masks.SHEET).is_file(), "what the prompts found is shown"


def test_another_text_of_its_file_is_another_result(file, tiny_line, tiny_line_data, tmp_path):
    line = ProductLine.from_yaml(LINE)
    images, tags = tmp_path / "images", tmp_path / "tags"
    ingest.run(line, tiny_line_data, images)
    tagging.run(line, images, tags)
    before = masks.STAGE.key(line, 0, {"images": images, "tags": tags})

    file.write_text(FILE + "# changed")

    assert masks.STAGE.key(line, 0, {"images": images, "tags": tags}) != before


def test_its_pipeline_asks_for_prompts_where_the_line_has_none_and_for_no_foundation_models(file):
    assert Shape.of(ProductLine.from_yaml(LINE)) == Shape()
    assert Shape.of(ProductLine.from_yaml("{name: kit, pseudo_labels: {proposals: halves}}")) == Shape(asks_tagger=True)


def test_the_check_of_a_line_says_what_it_lacks_and_what_it_would_do(file, tiny_line_data):
    report = LineReport.of(ProductLine.from_yaml(LINE), tiny_line_data)

    assert report.missing == ("a saw",)
    assert any("find components (halves)" in step for step in report.plan)


def test_a_proposer_that_nobody_registered_is_refused_with_those_that_are():
    with pytest.raises(
        LineError, match=r"pseudo_labels\.proposals: found 'halves', expected 'classical' or 'foundation'"
    ):
        ProductLine.from_yaml(LINE)


def test_a_line_whose_proposer_is_gone_is_refused(tmp_path):
    line = ProductLine(name="kit")
    gone = line.model_copy(update={"pseudo_labels": line.pseudo_labels.model_copy(update={"proposals": "halves"})})

    with pytest.raises(StageError, match=r"names halves, which no file .* registers; expected one of classical, found"):
        proposer_of(gone)


def test_two_proposers_of_one_name_are_refused():
    class Other:
        name = "classical"

    with pytest.raises(ValueError, match="more than one proposer is called classical"):
        register(Other)


def test_every_file_registers_the_proposer_that_it_is_called_after():
    """The values of a line are the files' names."""
    for file in (Path(csad.__file__).parent / "proposals/proposers").glob("[a-z]*.py"):
        line = ProductLine(name="kit", pseudo_labels={"proposals": file.stem})
        assert proposer_of(line).name == file.stem


def test_compiling_a_pipeline_needs_none_of_a_proposers_packages():
    code = (
        "import sys\nfor name in ('torch', 'numpy', 'PIL'): sys.modules[name] = None\n"
        "from csad.config.line import ProductLine\nfrom pipelines.shape import Shape\n"
        "print(Shape.of(ProductLine(name='kit', pseudo_labels={'proposals': 'foundation'})).foundation)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr
