"""The order of the stages stands in one place; what repeats it by its nature is held against it here."""

import inspect
import re
from pathlib import Path

import pytest

import csad.stages
from components.ingest import ingest as ingest_component
from csad.gate.intake_task import STAGES_OF_TASKS
from csad.runner.stage_order import DATA, NAMES, ORDER, after
from csad.stages.order import STAGES
from pipelines.shape import Shape


def test_every_stage_has_its_place_once():
    modules = {file.stem for file in Path(csad.stages.__file__).parent.glob("*.py") if "STAGE = " in file.read_text()}

    assert set(NAMES) == modules
    assert len(set(NAMES)) == len(NAMES)
    assert list(STAGES) == list(NAMES)
    assert all(stage.name == name for name, stage in STAGES.items())


@pytest.mark.parametrize("step", ORDER, ids=NAMES)
def test_a_stage_reads_what_stages_before_it_write_by_the_names_of_its_function(step):
    before = NAMES[: NAMES.index(step.name)]
    taken = inspect.signature(STAGES[step.name].run).parameters.keys()

    assert set(step.inputs.values()) <= {*before, DATA}
    assert set(step.inputs) == taken - {"line", "output", "seed", "shard", "shards"}


def test_what_comes_behind_a_stage():
    assert after("segnet") == ("lgst", "statistics", "evaluation")
    assert after("evaluation") == ()


def test_the_pipeline_has_a_task_for_each_and_ingest_tells_each_its_settings():
    told = ingest_component.component_spec.outputs

    assert Shape(asks_tagger=True).stages() == NAMES[1:]
    assert Shape().stages() == tuple(name for name in NAMES[1:] if name != "tagging")
    assert tuple(STAGES_OF_TASKS) == NAMES[1:]
    assert tuple(name for name in told if name in NAMES) == NAMES[1:]


def test_the_documented_table_has_the_stages_in_their_order_with_what_they_read():
    text = (Path(csad.__file__).parents[1] / "docs/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, flags=re.MULTILINE)
    documented = {name: set(re.findall(r"\w+", reads)) & set(NAMES) for name, reads in rows if name in NAMES}

    assert list(documented) == list(NAMES)
    assert documented == {step.name: set(step.inputs.values()) - {DATA} for step in ORDER}
