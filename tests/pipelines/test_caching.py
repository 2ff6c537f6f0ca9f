"""Caching as on a cluster: kfp.local keeps results by image, command and inputs, and `ingest` runs every time."""

import shutil
from pathlib import Path

import pytest
from kfp import dsl, local

from components.ingest import ingest
from components.lgst import lgst
from csad.config.line import ProductLine
from csad.runner.task import STORE_VARIABLE
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from kfp_client.parameters import run_yaml
from tests.conftest import draw_product


@dsl.pipeline(name="first-stages")
def first_stages(line_yaml: str, data_uri: str) -> None:
    """The uncached stage and a cached one, as the training pipeline joins them."""
    taken_in = ingest(line_yaml=line_yaml, data_uri=data_uri, seed=3, force=False).set_caching_options(False)
    lgst(line_yaml=taken_in.outputs["lgst"], images=taken_in.outputs["training_images"], seed=3)


@pytest.fixture
def executed(tmp_path, monkeypatch, capfd):
    """Stores the data and runs the pipeline; which tasks did something."""
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    with EmbeddedStore(tmp_path / "store") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)

        def executed(line, data):
            push_dataset(ObjectStore.connect(server.settings), data, line.name)
            local.init(
                local.SubprocessRunner(use_venv=False),
                pipeline_root=str(tmp_path / "artifacts"),
                enable_caching=True,
                cache_root=str(tmp_path / "cache"),
            )
            capfd.readouterr()
            first_stages(line_yaml=run_yaml(line), data_uri=f"store://{line.name}")
            out = capfd.readouterr().out
            said = {"ingest": "ingest: 1", "lgst": "lgst: global student"}  # how many images; what was fitted
            return [task for task, words in said.items() if words in out]

        yield executed


def changed(line, **sections):
    return ProductLine.model_validate(line.model_dump(exclude_defaults=True) | sections)


def test_what_a_stage_reads_runs_it_again_and_nothing_else_does(executed, tiny_line, tiny_line_data, tmp_path):
    assert executed(tiny_line, tiny_line_data) == ["ingest", "lgst"]

    # Neither a threshold nor a test image is read by `lgst`.
    tested = Path(shutil.copytree(tiny_line_data, tmp_path / "tested"))
    draw_product(999).save(tested / "test/good/900.png")
    assert executed(changed(tiny_line, threshold={"false_reject_rate": 0.02}), tested) == ["ingest"]

    trained = Path(shutil.copytree(tiny_line_data, tmp_path / "trained"))
    draw_product(998).save(trained / "train/good/900.png")
    assert executed(tiny_line, trained) == ["ingest", "lgst"]
    students = {"max_components": 3, "coreset_size": 200, "steps": 4}
    assert executed(changed(tiny_line, lgst=students), trained) == ["ingest", "lgst"]
