from importlib import import_module
from pathlib import Path

import pytest
import yaml

from components import documentation
from tests.pipelines.compiled import STAGES as CACHED

STAGES = ("tagging", *CACHED)
BATCH = {"listing", "scoring", "gathering"}

NAMES = documentation.names()


def test_every_task_of_the_pipelines_has_a_component():
    assert set(NAMES) == {"ingest", *STAGES, "release", "promote", "deployment", *BATCH}


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_says_what_the_docstring_says(name):
    written = (documentation.ROOT / name / documentation.FILE).read_text()
    assert written == documentation.readme(name), "run: python -m components.documentation"


@pytest.mark.parametrize("name", NAMES)
def test_the_metadata_names_the_component_and_its_hardware(name):
    metadata = yaml.safe_load((documentation.ROOT / name / "metadata.yaml").read_text())
    assert metadata["name"] == name
    assert metadata["gpu"] == (name in {*STAGES, "scoring"})
    assert metadata["cached"] == (name in STAGES)
    module = import_module(metadata["stage"])
    if name in {"ingest", *STAGES}:
        assert metadata["stage"] == f"csad.stages.{name}"
        assert module.STAGE.name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_component_is_thin(name):
    source = Path(documentation.ROOT / name / "component.py").read_text()
    body = source.split('"""')[-1]
    statements = [line for line in body.splitlines() if line.strip()]
    assert 3 <= len(statements) <= 10


@pytest.mark.parametrize("name", NAMES)
def test_kubeflow_sees_what_every_input_and_output_means(name):
    component = getattr(import_module(f"components.{name}"), name).component_spec
    ports = {**component.inputs, **component.outputs}
    assert [port for port, found in ports.items() if not found.description] == []
