import os
import re
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from csad.evaluation.evaluate import evaluate
from csad.evaluation.figures import Evaluation
from csad.evaluation.report import render, write_report
from csad.images import ImageFile, ImageProblem
from csad.scoring.branches import groups, score_names

from .fakes import DataSet, FakeScorer, ScorerWithBackground, picture

STYLES = files("csad.evaluation").joinpath("report.html").read_text(encoding="utf-8")
VOID = {"meta", "img", "br", "line", "rect", "circle", "polyline"}


class Page(HTMLParser):
    """Checks that elements nest, and collects text and links."""

    def __init__(self, html):
        super().__init__()
        self.open, self.words, self.links = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value for name, value in attributes if name in {"src", "href"}]

    def handle_startendtag(self, tag, attributes):
        assert tag in VOID

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def evaluation(kit):
    return evaluate(FakeScorer(), kit.images())


def test_the_page_is_well_formed_and_shows_the_headline_figures(evaluation):
    text = Page(render(evaluation)).text
    assert "AUROC logical 75.0" in text
    assert "AUROC mean 87.5" in text
    assert "good images rejected 25.0 % 1 of 4; promised 1.0 %" in text
    assert "sPRO 57.5 up to a false positive rate of 0.3" in text
    assert "threshold 100" in text


def test_the_page_needs_nothing_from_outside(evaluation):
    html = render(evaluation)
    assert all(link.startswith("data:image/jpeg;base64,") for link in Page(html).links)
    assert not re.search(r"https?://|<script|@import|url\(", html)


def test_findings_are_text_not_markup(evaluation):
    html = render(evaluation)
    assert "washer: &lt;2 found&gt;" in html
    assert "<2 found>" not in html


def test_mistakes_are_shown_with_photo_and_map(evaluation):
    html = render(evaluation)
    assert Page(html).text.count("score 25, threshold 100") == 1
    assert html.count('alt="anomaly map of test/logical_anomalies/001"') == 1
    assert len(Page(html).links) == 2 * len(evaluation.cases)


def test_settings_weights_counts_and_problems_are_listed(evaluation):
    text = Page(render(evaluation)).text
    assert "threshold.false_reject_rate 0.01" in text
    assert "weights: backbone tiny" in text
    assert "4 good, 2 logical anomalies, 1 structural anomalies" in text
    assert "Not counted: 1 of 3 anomalous images have no mask" in text


def test_a_background_that_tells_the_classes_apart_is_flagged(kit):
    assert "bare background" not in render(evaluate(FakeScorer(), kit.images()))
    kit.add("test", "structural_anomalies", [picture(150, other=200)])
    assert "bare background alone tells" in render(evaluate(ScorerWithBackground(), kit.images()))


def test_a_difference_between_sessions_is_flagged(evaluation):
    assert "Good test images score higher than good validation images (AUROC 75.0" in render(evaluation)


def test_the_gallery_is_embedded_in_the_order_of_names(evaluation, tmp_path):
    for name in ("class_02.png", "class_01.jpg"):
        Image.fromarray(np.full((20, 3000, 3), 90, np.uint8)).save(tmp_path / name)
    (tmp_path / "class_03.png").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("not a picture")
    page = Page(render(evaluation, tmp_path))
    assert "class 01 class 02" in page.text
    assert "class 03" not in page.text
    assert len(page.links) == 2 * len(evaluation.cases) + 2


def test_a_gallery_of_huge_pictures_does_not_blow_the_page_up(evaluation, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (900, 680, 3), dtype=np.uint8)
    for index in range(12):
        Image.fromarray(noise).save(tmp_path / f"{index:02d}.png", compress_level=0)
    html = render(evaluation, tmp_path)
    assert len(html) < 6_000_000
    assert re.search(r"The first \d+ of 12\.", html)


def test_doubtful_pseudo_labels_are_named_above_the_figures(evaluation):
    text = Page(render(evaluation, doubts=("all 146 components are of one <class>",))).text
    assert "Doubtful pseudo-labels: all 146 components are of one <class>." in text
    assert text.index("Doubtful pseudo-labels") < text.index("Detection by branch")
    assert "Doubtful" not in Page(render(evaluation)).text


def test_odd_images_among_the_good_ones_are_named_with_the_remedy(evaluation):
    text = Page(render(evaluation)).text
    assert "Good images of the training that look unlike the others (1): train/good/007." in text
    assert "images.exclude" in text


def test_an_evaluation_read_from_json_has_a_report_without_pictures(evaluation):
    html = render(Evaluation.model_validate(evaluation.to_json()))
    assert Page(html).links == []
    assert "AUROC logical 75.0" in Page(html).text


def test_a_name_that_is_not_utf_8_is_shown_by_its_bytes(kit, tmp_path):
    latin = kit.root / "train/good" / os.fsdecode(b"gr\xf6\xdfe.png")
    evaluation = evaluate(FakeScorer(), kit.images(problems=(ImageProblem(latin, "its name is not UTF-8"),)))

    write_report(evaluation, tmp_path / "report.html")

    assert r"gr\xf6\xdfe.png: its name is not UTF-8" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert r"gr\xf6\xdfe.png: its name is not UTF-8" in evaluation.to_json()["problems"][0]


@pytest.mark.parametrize("scores", [[7], [7, 7, 7]])
def test_good_images_with_constant_scores_make_a_page(tmp_path, scores):
    data = DataSet(tmp_path).add("test", "good", [picture(score) for score in scores])
    text = Page(render(evaluate(FakeScorer(threshold=7.0), data.images()))).text
    assert "localisation cannot be measured" in text


def test_the_page_is_written_as_a_whole_and_takes_the_place_of_an_older_one(evaluation, tmp_path):
    path = tmp_path / "new folder" / "report.html"
    write_report(evaluation, path)
    write_report(evaluation, path)
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize("branch", ["full", *groups(), *score_names()])
def test_every_branch_has_a_colour_of_its_curve(branch):
    assert f".branch-{branch} {{ stroke" in STYLES


def test_odd_images_are_shown_where_they_are_at_hand(evaluation, tmp_path):
    for stem in ("000", "007"):
        Image.fromarray(picture(200)).save(tmp_path / f"{stem}.png")
    good = [ImageFile(stem, tmp_path / f"{stem}.png", "train", "good") for stem in ("000", "007")]
    odd = evaluation.model_copy(update={"odd_images": ("train/good/007", "validation/good/001")})

    page = Page(render(odd, good=good))

    assert "Odd images among the good ones" in page.text
    assert "<figcaption>007</figcaption>" in render(odd, good=good)
    assert "<figcaption>000</figcaption>" not in render(odd, good=good)
    assert "Odd images among the good ones" not in Page(render(odd)).text
