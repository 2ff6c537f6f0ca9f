"""What each stage reads of a product line, recorded while it runs, against what its cached result depends on."""

import pytest

from csad.config.compact_line import compact_yaml
from csad.config.line import ProductLine
from csad.images import training_images
from csad.imaging.canvas import fit_canvas
from csad.runner.reduced_line import reduced_line
from csad.stages import clustering, evaluation, ingest, lgst, masks, segnet, statistics, tagging

SECTIONS = frozenset(ProductLine.model_fields)
read: set[str] = set()
fitted: list[tuple[object, ...]] = []


class Recorder(ProductLine):
    """A product line that remembers which of its sections somebody looked at."""

    def __getattribute__(self, name):
        if name in SECTIONS:
            read.add(name)
        return super().__getattribute__(name)


@pytest.fixture(scope="module")
def recorded(tiny_line, tiny_line_data, tmp_path_factory):
    """Names of the sections that each stage read."""
    line = Recorder.model_validate(tiny_line.model_dump())
    root = tmp_path_factory.mktemp("stages")
    found = {}

    def run(stage, **inputs):
        read.clear()
        stage.execute(line, 3, root / stage.name, inputs)
        found[stage.name] = set(read)
        return root / stage.name

    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(training_images, "fit_canvas", lambda *given: fitted.append(given) or fit_canvas(*given))
    images = run(ingest.STAGE, data=tiny_line_data)
    tags = run(tagging.STAGE, images=images)
    proposed = run(masks.STAGE, images=images, tags=tags)
    labels = run(clustering.STAGE, images=images, masks=proposed)
    network = run(segnet.STAGE, images=images, pseudo_labels=labels)
    students = run(lgst.STAGE, images=images)
    model = run(statistics.STAGE, images=images, pseudo_labels=labels, segnet=network, lgst=students)
    run(evaluation.STAGE, images=images, pseudo_labels=labels, model=model)
    monkeypatch.undo()
    return found


@pytest.mark.usefixtures("recorded")
def test_the_canvas_is_fitted_once_by_ingest():
    assert len(fitted) == 1


@pytest.mark.parametrize("stage", [ingest, tagging, masks, clustering, segnet, lgst, evaluation])
def test_a_stage_reads_nothing_that_its_result_is_not_said_to_depend_on(recorded, stage):
    """The line's name is the same in all its runs."""
    assert recorded[stage.STAGE.name] - {"name"} <= set(stage.STAGE.sections)


@pytest.mark.parametrize(
    ("stage", "unread"),
    [
        (ingest, set()),
        (tagging, {"images"}),  # RAM++ alone looks at images
        (masks, set()),
        (clustering, set()),
        (segnet, set()),
        (lgst, set()),
        (evaluation, {"name"}),  # without test images it has a page to write
    ],
)
def test_a_stage_is_not_run_again_for_what_it_does_not_read(recorded, stage, unread):
    assert set(stage.STAGE.sections) - recorded[stage.STAGE.name] <= unread


def test_a_changed_threshold_changes_what_statistics_is_told_and_nothing_before_it():
    line = ProductLine.from_yaml("{name: a, lgst: {steps: 7}}")
    other = ProductLine.from_yaml("{name: a, lgst: {steps: 7}, threshold: {false_reject_rate: 0.02}}")
    for stage in (tagging, masks, clustering, segnet, lgst, evaluation):
        assert reduced_line(line, stage.STAGE) == reduced_line(other, stage.STAGE)
    assert reduced_line(line, lgst.STAGE) == "{lgst: {steps: 7}, name: a}"
    assert reduced_line(line, statistics.STAGE) == "{lgst: {steps: 7}, name: a}"
    assert reduced_line(other, statistics.STAGE) == (
        "{lgst: {steps: 7}, name: a, threshold: {false_reject_rate: 0.02}}"
    )


def test_how_a_line_is_served_and_judged_is_told_to_no_stage():
    line = ProductLine.from_yaml("{name: a}")
    other = ProductLine.from_yaml(
        "{name: a, gate: {minimum_auroc: 0.9}, deployment: {minimum_replicas: 3}, schedule: {deploy: false}}"
    )
    for stage in (tagging, masks, clustering, segnet, lgst, statistics, evaluation):
        assert reduced_line(line, stage.STAGE) == reduced_line(other, stage.STAGE) == "{name: a}"
    assert compact_yaml(line) != compact_yaml(other)
