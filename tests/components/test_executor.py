"""Every component's compiled command, as Kubeflow's launcher runs it."""

import pytest

from components import documentation
from csad.config.line import ProductLine
from pipelines.packages import Target, compile_for
from tests.components.launcher import executor_input, executor_of, launch
from tests.pipelines.compiled import COMMITTED, Compiled

BROKEN = "{name: No Slug}"
"""A line that every task refuses, once it has found its code and its arguments."""


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory):
    """The committed ones, and that of a line whose parts a tagging model names."""
    named = ProductLine.from_yaml("{name: parts, pseudo_labels: {proposals: foundation}}")
    tagging, _ = compile_for(named, Target(), tmp_path_factory.mktemp("compiled"))
    files = [*(COMMITTED / f"{name}.yaml" for name in ("training", "promotion")), tagging]
    return [Compiled(file.read_text()) for file in files]


BATCH = {"listing", "scoring", "gathering"}
"""They are given no line: see `tests/pipelines/test_batch.py`."""


@pytest.mark.parametrize("component", sorted(set(documentation.names()) - BATCH))
def test_a_component_finds_its_code_and_its_arguments(component, pipelines, tmp_path):
    given = {
        "version": "20261124T101500Z-0123abcd",
        "shard": "1/1",
        **dict.fromkeys(("line_yaml", "settings"), BROKEN),
    }
    pipelines = [one for one in pipelines if f"comp-{component}" in one.specification["components"]][:1]
    done = launch(executor_of(pipelines, component), executor_input(pipelines, component, tmp_path, **given))

    assert done.returncode == 1
    assert f"Error: {component}: " in done.stdout + done.stderr
    assert "1 to 63 ASCII characters" in done.stdout + done.stderr
