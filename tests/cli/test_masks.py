import json

import pytest
from click.testing import CliRunner
from PIL import Image

from csad.cli import main
from csad.pseudo_labels.mode_preview import MODES

LINE = "name: tiny\nimages: {area: 16384}\npseudo_labels: {rotations: 1}\n"


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    file = tmp_path_factory.mktemp("line") / "tiny.yaml"
    file.write_text(LINE)
    return file


def preview(line, data, output, *options):
    arguments = ["masks", "preview", str(line), "--data", str(data), "--output", str(output), "--images", "4", *options]
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def page(line, tiny_line_data, tmp_path_factory):
    output = tmp_path_factory.mktemp("preview") / "preview.html"
    return preview(line, tiny_line_data, output, "--json"), output


def test_both_modes_are_previewed_on_the_images(page):
    result, output = page
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["images"] == ["000", "003", "006", "009"]
    assert tuple(found["modes"]) == MODES
    # A disc, a square and a bar lie in every image.
    assert found["modes"]["coarse"]["masks"] == [3, 3, 3, 3]
    assert found["modes"]["coarse"]["classes"] == 3
    assert found["output"] == str(output)


def test_the_sweep_shows_other_bandwidths(page):
    sweep = json.loads(page[0].stdout)["modes"]["coarse"]["sweep"]
    assert [point["quantile"] for point in sweep] == sorted(point["quantile"] for point in sweep)
    assert len(sweep) > 3
    assert all(point["classes"] <= 12 and 0 <= point["left_out"] <= 1 for point in sweep)


def test_the_page_needs_nothing_else(page):
    text = page[1].read_text()
    sweeps = len(json.loads(page[0].stdout)["modes"]["coarse"]["sweep"])
    assert text.count("data:image/jpeg;base64,") == 3 * (4 + sweeps)
    assert "http" not in text
    assert "coarse: 3 masks" in text


def test_nothing_else_is_left_beside_the_page(page):
    assert [path.name for path in page[1].parent.iterdir()] == ["preview.html"]


def test_a_picture_shows_the_same(line, tiny_line_data, tmp_path):
    result = preview(line, tiny_line_data, tmp_path / "new" / "preview.png")
    assert result.exit_code == 0, result.stderr
    assert "coarse (classical: whole parts): 3.0 masks an image (3 to 3), 3 classes" in result.stdout
    assert "fine (classical: colour regions)" in result.stdout
    with Image.open(tmp_path / "new" / "preview.png") as sheet:
        assert sheet.width == 6 + 3 * 306
        assert sheet.height > 4 * 300


def test_another_kind_of_file_is_wrong_use(line, tiny_line_data, tmp_path):
    result = preview(line, tiny_line_data, tmp_path / "preview.pdf")
    assert result.exit_code == 2
    assert "preview.pdf ends with .pdf, expected .html or .png" in result.stderr


def test_foundation_lines_without_weights_fail_with_the_remedy(tiny_line_data, tmp_path, monkeypatch):
    monkeypatch.delenv("CSAD_WEIGHTS", raising=False)
    file = tmp_path / "line.yaml"
    file.write_text("name: tiny\ntags: {prompts: [disc]}\npseudo_labels: {proposals: foundation}\n")
    result = preview(file, tiny_line_data, tmp_path / "preview.html")
    assert result.exit_code == 1
    assert "CSAD_WEIGHTS" in result.stderr
