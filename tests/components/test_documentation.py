from importlib import import_module
from pathlib import Path

import pytest
import yaml

from components import documentation
from pipelines.training import STAGES

NAMES = documentation.names()


def test_every_stage_of_the_pipeline_has_a_component():
    assert set(NAMES) == {"ingest", *STAGES}


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_says_what_the_docstring_says(name):
    written = (documentation.ROOT / name / documentation.FILE).read_text()
    assert written == documentation.readme(name), "run: python -m components.documentation"


@pytest.mark.parametrize("name", NAMES)
def test_the_metadata_names_the_component_and_its_hardware(name):
    metadata = yaml.safe_load((documentation.ROOT / name / "metadata.yaml").read_text())
    assert metadata["name"] == name
    assert metadata["gpu"] == (name in STAGES)
    assert metadata["stage"] == f"csad.stages.{name}"
    assert import_module(metadata["stage"]).STAGE.name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_component_is_thin(name):
    source = Path(documentation.ROOT / name / "component.py").read_text()
    body = source.split('"""')[-1]
    statements = [line for line in body.splitlines() if line.strip()]
    assert 4 <= len(statements) <= 10
