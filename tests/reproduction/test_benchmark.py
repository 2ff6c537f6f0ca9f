import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from csad.cli import main
from csad.common.errors import CsadError
from csad.reproduction import benchmark
from csad.reproduction.published import CATEGORIES
from csad.scoring.scorer import Scorer
from tests.reproduction.miniature import write_miniature
from tests.reproduction.test_tables import run as made_up

SMALLEST = (
    *("backbone.name=tf_efficientnet_lite0", "pseudo_labels.proposals=classical", "pseudo_labels.rotations=2"),
    *("images.size=[64, 64]", "segmentation.epochs=1", "lgst.steps=2", "lgst.pdn_width=4", "lgst.grid=[8, 8]"),
    "lgst.window=33",
)


def invoke(*arguments):
    return CliRunner().invoke(main, ["benchmark", *map(str, arguments)])


def small(data, output, tables):
    settings = [part for setting in SMALLEST for part in ("--set", setting)]
    return ("loco", "--data", data, "--output", output, "--tables", tables, "--timing-runs", 1, *settings)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # three minutes of work, on a busy machine more
def test_all_seven_tables_of_the_miniature_and_again_without_training(tmp_path, monkeypatch):
    data = write_miniature(tmp_path / "loco")
    first = invoke(*small(data, tmp_path / "out", "1 2 3 4 5 6 7"))
    assert first.exit_code == 0, first.output
    text = (tmp_path / "out/tables.md").read_text()
    assert re.findall(r"^## Table (\d)\.", text, re.MULTILINE) == list("1234567")
    for category in CATEGORIES:
        assert re.search(rf"^\| {category} \| \d", text, re.MULTILINE)
    assert "| mean | " in text
    assert "96.7 | 94.0 | 95.3 |" in text
    assert "Selected on the test set: no" in text
    assert "NOT the preset as it is: backbone.name=tf_efficientnet_lite0" in text

    monkeypatch.setattr("csad.lgst.fit.train_students", _never)
    monkeypatch.setattr("csad.segmentation.fit.train_segmentation", _never)
    again = invoke(*small(data, tmp_path / "out", "1 2 3 4 5 6 7"))
    assert again.exit_code == 0, again.output
    assert (tmp_path / "out/tables.md").read_text() == text


def _never(*_, **__):
    raise AssertionError("it was finished before")


@pytest.fixture
def two(tmp_path):
    return write_miniature(tmp_path / "loco", CATEGORIES[:2])


def test_a_model_of_the_paper_scores_by_its_two_branches_and_averages_their_maps(tmp_path):
    data = write_miniature(tmp_path / "loco", CATEGORIES[:1])
    done = invoke(*small(data, tmp_path / "out", "1 7"))
    assert done.exit_code == 0, done.output
    scorer = Scorer.load(tmp_path / "out/breakfast_box/base-0/model")
    fusion = scorer.manifest.fusion
    assert set(fusion.columns) == {"components@1", "components@2", "students@max"}
    assert set(fusion.branches) == {"components", "students"}
    score = scorer.score(np.asarray(Image.open(data / "breakfast_box/test/good/000.png")))
    # Fusion is the plain sum of both normalised branches; the students count once.
    assert score.value == pytest.approx(score.branches["components"] + score.branches["students"])
    assert score.branches["lgst"] == score.branches["students"]
    assert score.map.shape == (96, 96)
    assert scorer.normal_tail == pytest.approx(0.05)


def test_what_fails_is_named_and_the_rest_goes_on(two, tmp_path, monkeypatch):
    def measure(line, category, variant, seed, output, timing_runs):
        if category.name == "juice_bottle":
            raise CsadError("no weights here; fetch them")
        return made_up(category.name, 90, 80, seed)

    monkeypatch.setattr(benchmark, "measure", measure)
    done = invoke(*small(two, tmp_path / "out", "1"), "--seeds", "0,1")
    assert done.exit_code == 1
    text = (tmp_path / "out/tables.md").read_text()
    assert "| breakfast_box | 90.0 (seeds 90.0 to 90.0) [86.0, 92.0] |" in text
    assert "- juice_bottle, base, seed 1: no weights here; fetch them" in text
    assert "Means are of 2 of 5 categories" in text
    assert "pushpins: is not there" in text


def test_where_nothing_ends_the_reasons_are_the_error(two, tmp_path, monkeypatch):
    def measure(*_):
        raise CsadError("no weights here; fetch them")

    monkeypatch.setattr(benchmark, "measure", measure)
    done = invoke(*small(two, tmp_path / "out", "1"))
    assert done.exit_code == 1
    assert not (tmp_path / "out/tables.md").exists()


def test_without_the_papers_weights_the_error_says_where_they_come_from(two, tmp_path, monkeypatch):
    monkeypatch.delenv("CSAD_WEIGHTS", raising=False)
    monkeypatch.chdir(tmp_path)
    done = invoke("loco", "--data", two, "--output", tmp_path / "out")
    assert done.exit_code == 1
    assert "no run ended" in done.output


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--tables", "8"), "expected some of 1 to 7"),
        (("--tables", "one"), "holds no whole numbers"),
        (("--seeds", ""), "name at least one"),
        (("--set", "lgst.stepps=3"), "did you mean steps"),
        (("--set", "lgst"), "expected section.key=value"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(two, tmp_path, options, complaint):
    done = invoke("loco", "--data", two, "--output", tmp_path / "out", *options)
    assert done.exit_code in (1, 2)
    assert complaint in done.output
    assert not (tmp_path / "out").exists()


def test_data_is_needed_but_for_the_tags():
    assert "Missing option '--data'" in invoke("mvtec-ad").output
    tags = invoke("loco", "--tags")
    assert tags.exit_code == 0
    assert re.search(r"^pushpins +3 +100%", tags.output, re.MULTILINE)
