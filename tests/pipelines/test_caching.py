"""Caching as on a cluster: kfp.local keeps results by image, command and inputs, and `ingest` runs every time."""

import shutil
from pathlib import Path

import pytest
from kfp import dsl, local

from components.ingest import ingest
from components.tagging import tagging
from csad.config.line import ProductLine
from csad.runner.task import STORE_VARIABLE
from kfp_client.parameters import training_yaml


@dsl.pipeline(name="first-stages")
def first_stages(line_yaml: str, data_uri: str) -> None:
    """The uncached stage and a cached one, as the training pipeline joins them."""
    taken_in = ingest(line_yaml=line_yaml, data_uri=data_uri).set_caching_options(False)
    tagging(line_yaml=line_yaml, snapshot=taken_in.outputs["training_digest"], images=taken_in.outputs["images"])


@pytest.fixture
def executed(tmp_path, monkeypatch, capfd):
    """Runs the pipeline; which tasks did something."""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "stages"))

    def executed(line, data):
        local.init(
            local.SubprocessRunner(use_venv=False),
            pipeline_root=str(tmp_path / "artifacts"),
            enable_caching=True,
            cache_root=str(tmp_path / "cache"),
        )
        first_stages(line_yaml=training_yaml(line), data_uri=str(data))
        out = capfd.readouterr().out
        return [task for task in ("ingest", "tagging") if any(f"{task}: " in row for row in out.splitlines())]

    return executed


def test_unchanged_data_and_settings_cost_one_ingest_step_and_changed_ones_run_again(
    executed, tiny_line, tiny_line_data, tmp_path
):
    assert executed(tiny_line, tiny_line_data) == ["ingest", "tagging"]
    assert executed(tiny_line, tiny_line_data) == ["ingest"]

    scheduled = tiny_line.model_dump(exclude_defaults=True) | {"schedule": {"cron": "0 0 2 * * *"}}
    assert executed(ProductLine.model_validate(scheduled), tiny_line_data) == ["ingest"]

    trained = tiny_line.model_dump(exclude_defaults=True) | {"threshold": {"false_reject_rate": 0.02}}
    assert executed(ProductLine.model_validate(trained), tiny_line_data) == ["ingest", "tagging"]

    more = Path(shutil.copytree(tiny_line_data, tmp_path / "more"))
    shutil.copyfile(more / "test/good/000.png", more / "train/good/900.png")
    assert executed(tiny_line, more) == ["ingest", "tagging"]
