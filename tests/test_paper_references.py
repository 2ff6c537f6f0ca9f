"""From a module to the paper: each module of the method says where its idea is written down."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "calibration",
    "features",
    "foundation",
    "lgst",
    "metrics",
    "proposals",
    "pseudo_labels",
    "scoring",
    "segmentation",
)
NO_METHOD = (
    "calibration/exporting.py",
    "calibration/writing.py",
    "foundation/packaged.py",
    "metrics/mask_doubts.py",
    "metrics/mask_values.py",
    "metrics/sorted_runs.py",
    "metrics/truth_reader.py",
    "proposals/proposers/__init__.py",
    "proposals/registry.py",
    "scoring/branches/__init__.py",
    "scoring/branches/protocol.py",
    "scoring/branches/registry.py",
    "scoring/branches/training.py",
    "scoring/explainers/__init__.py",
    "scoring/explainers/protocol.py",
    "scoring/format_1.py",
    "scoring/loop.py",
    "scoring/model_files.py",
    "scoring/model_folder.py",
    "scoring/named_tensors.py",
    "scoring/result_table.py",
    "scoring/runtimes/",
)
"""Files, registries, runtimes, masks as they are stored, sorting: nothing there is from a publication or our idea."""

PAPER = "arXiv:2408.15628"
REFERENCE = re.compile(r"paper(?:'s)? \d|\(3\.\d\)|\b3\.[1-5]\b|Eq\. \d|arXiv:\d{4}\.\d{5}\b|doi:10\.\d{4,}/\S+")
OURS = re.compile(r"\b[Oo]urs\b|\(ours[,;)]")
EQUATIONS = {
    1: ("pseudo_labels/published_filter.py", ("histograms",)),
    2: ("segmentation/losses.py", ("class_fractions", "logits")),
    3: ("segmentation/losses.py", ("L_CE", "L_Dice", "L_Focal", "L_Hist", "L_Entropy")),
    4: ("scoring/histogram.py", ("histograms", "means", "precisions")),
}
"""Each numbered equation of the paper: where it is, and the names that its notation has there."""


def modules():
    return sorted(path for package in PACKAGES for path in (ROOT / "csad" / package).rglob("*.py"))


def docstring(path):
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def name_of(path):
    return path.relative_to(ROOT / "csad").as_posix()


@pytest.mark.parametrize("path", [path for path in modules() if not name_of(path).startswith(NO_METHOD)], ids=name_of)
def test_a_module_of_the_method_names_its_section_or_publication(path):
    assert REFERENCE.search(docstring(path)) or OURS.search(docstring(path))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_of_the_method_says_which_paper_is_meant(package):
    assert PAPER in docstring(ROOT / "csad" / package / "__init__.py")


@pytest.mark.parametrize("number", EQUATIONS)
def test_each_equation_stands_in_one_module_with_our_names_beside_its_notation(number):
    file, names = EQUATIONS[number]
    text = docstring(ROOT / "csad" / file)

    assert f"Eq. {number}" in text
    assert [name for name in names if name not in text] == []


def test_what_is_said_to_hold_no_method_exists_and_cites_nothing():
    held = {place: [path for path in modules() if name_of(path).startswith(place)] for place in NO_METHOD}

    assert [place for place, paths in held.items() if not paths] == []
    assert [name_of(path) for paths in held.values() for path in paths if REFERENCE.search(docstring(path))] == []


def test_no_reference_leads_to_a_document_outside_the_repository():
    files = [path for top in ("csad", "pipelines", "components", "kfp_client") for path in (ROOT / top).rglob("*.py")]
    files += [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]

    assert len(files) > 300
    assert [str(path) for path in files if re.search(r"\b(METHOD|\(method) \d", path.read_text("utf-8"))] == []
