"""What the hand-written pages claim of the repository."""

import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from csad.scoring.scorer import Score
from csad.serving.schemas import ModelName, ScoreAnswer
from docs_site import pipeline_graph
from docs_site.pictures import rejected_page
from docs_site.pipeline_graph import Task

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
AT_THE_ROOT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
LARGEST = 150_000
BLOCK = re.compile(r"^```sh\n(.*?)^```\n+(.*?)$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", AT_THE_ROOT, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", [*DOCS, *AT_THE_ROOT], ids=lambda page: page.stem)
def test_paths_of_the_repository_exist(page):
    named = re.findall(
        r"`((?:csad|components|pipelines|kfp_client|tests|benchmarks|manifests|docs_site|lines|images)/[\w./-]*)`",
        page.read_text(encoding="utf-8"),
    )
    assert [path for path in named if not (ROOT / path).exists() and path != "images/images.lock"] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.stem)
def test_names_of_the_code_exist(page):
    def resolve(name):
        module, parts = name, []
        while True:
            try:
                found = importlib.import_module(module)
                break
            except ModuleNotFoundError:
                module, _, last = module.rpartition(".")
                parts.insert(0, last)
        for part in parts:
            found = getattr(found, part, None)
        return found

    names = re.findall(r"`(csad(?:\.\w+)+)`", page.read_text(encoding="utf-8"))
    assert [name for name in names if resolve(name) is None] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs/kubeflow").glob("*.md")), ids=lambda page: page.stem)
def test_every_block_of_the_guide_says_whether_it_was_run(page):
    unmarked = [
        commands
        for commands, after in BLOCK.findall(page.read_text(encoding="utf-8"))
        if not after.startswith(("*Run by", "*Not run here: "))
    ]
    assert unmarked == []


def test_the_words_of_the_service_are_those_of_its_code():
    page = (ROOT / "docs/http-api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [45][\d, ]+ \| (.*?) \|", page, re.MULTILINE)
    told = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    source = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "csad/serving").glob("*.py"))
    made = set(re.findall(r"Problem\(\s*\d{3},\s*\"(\w+)\"", source))
    assert made <= told
    assert {word for word in told if f'"{word}"' not in source} == set()


def test_the_example_answer_has_fields_of_the_service():
    page = (ROOT / "docs/http-api.md").read_text(encoding="utf-8")
    example = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL)[1])
    assert set(example) <= set(ScoreAnswer.model_fields)
    assert set(example["model"]) == set(ModelName.model_fields)


def test_pictures_are_small():
    pictures = [file for file in (ROOT / "docs/images").iterdir() if file.suffix in {".jpg", ".png", ".svg"}]
    assert {"rejected.jpg", "report.jpg", "serving-page.jpg", "pipeline.svg"} <= {file.name for file in pictures}
    assert {file.name: file.stat().st_size for file in pictures if file.stat().st_size > LARGEST} == {}


def test_the_graph_is_that_of_the_compiled_pipelines():
    committed = (ROOT / "docs/images/pipeline.svg").read_text(encoding="utf-8")
    command = "python -m docs_site.pipeline_graph docs/images/pipeline.svg"
    assert committed == pipeline_graph.draw(pipeline_graph.read_tasks()), f"the pipelines have changed; run {command}"


def test_a_picture_of_a_rejected_image_says_why(tmp_path):
    class Stub:
        normal_tail = 0.1

        def score(self, image):
            said = ("component 3: missing; expected 2 %, found 0.017 % of the product",)
            return Score(9.24, 7.0, {}, np.zeros(image.shape[:2], np.float32), said)

    Image.new("RGB", (8, 6)).save(tmp_path / "kit.png")

    page = rejected_page(Stub(), [tmp_path / "kit.png"])

    assert page.count("<img ") == 2  # the image and its map
    assert "score 9.2 above 7.0: component 3: missing; expected 2\N{NO-BREAK SPACE}%" in page


def test_an_arrow_that_a_longer_way_says_is_left_out():
    def task(name, *after):
        return Task(name, frozenset(after), "cached", gpu=False)

    tasks = [task("a"), task("b", "a"), task("c", "a", "b"), task("d", "a", "c")]
    assert pipeline_graph.edges(tasks) == {("a", "b"), ("b", "c"), ("c", "d")}


def test_the_promotion_run_follows_the_task_that_starts_it():
    assert ("promote", "deployment") in pipeline_graph.edges(pipeline_graph.read_tasks())
