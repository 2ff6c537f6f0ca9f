import logging
from dataclasses import dataclass

import pytest
from kfp import dsl

from csad.common.errors import DatasetError
from csad.runner.data_source import locate
from csad.runner.stage import StageRecord
from csad.runner.task import STORE_VARIABLE, run_task
from csad.stages import ingest, tagging


@pytest.fixture(autouse=True)
def logging_as_it_was():
    logger = logging.getLogger("csad")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


@dataclass
class Artifact:
    path: str
    metadata: dict


@dataclass
class Metrics:
    logged: dict

    def log_metric(self, metric, value):
        self.logged[metric] = value


def test_a_task_writes_its_artifact_and_logs_its_metrics(tiny_line, tiny_line_data, tmp_path, monkeypatch, capfd):
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    output = tmp_path / "artifact"
    metrics = Metrics({})

    done = run_task(ingest.STAGE, tiny_line.to_yaml(), 0, str(output), data=str(tiny_line_data))
    done.summary.log_to(metrics)

    assert done.folder == str(output)
    assert StageRecord.find(output).stage == "ingest"
    assert metrics.logged["01_train"] == 10
    assert "ingest: 10 train, 5 validation and 9 test images" in capfd.readouterr().out


def test_every_artifact_says_where_it_comes_from_and_what_was_counted(tiny_line, tiny_line_data, tmp_path, monkeypatch):
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    monkeypatch.setenv("CSAD_GIT_COMMIT", "abc123")
    images = run_task(ingest.STAGE, tiny_line.to_yaml(), 0, str(tmp_path / "images"), data=str(tiny_line_data))
    done = run_task(tagging.STAGE, tiny_line.to_yaml(), 0, str(tmp_path / "tags"), images=images.folder)
    metrics, tags = dsl.Metrics(uri=str(tmp_path / "metrics")), Artifact(done.folder, {})

    done.record(metrics, tags)

    key = StageRecord.find(tmp_path / "tags").key
    origin = {"line": "tiny", "stage": "tagging", "commit": "abc123", "digest": key}
    assert origin.items() <= metrics.metadata.items()
    assert origin.items() <= tags.metadata.items()
    assert tags.metadata["data"] == images.summary.training_digest
    assert done.summary.metrics().items() <= tags.metadata.items()


def test_with_a_store_the_second_run_reuses_the_first(tiny_line, tiny_line_data, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "stages"))

    def ingested():
        return run_task(ingest.STAGE, tiny_line.to_yaml(), 0, str(tmp_path / "artifact"), data=str(tiny_line_data))

    first, second = ingested(), ingested()

    assert first.folder == second.folder
    assert first.folder.startswith(str(tmp_path / "stages/ingest-"))
    assert capfd.readouterr().out.splitlines()[-1] == "ingest: unchanged, reused"


def test_a_file_of_the_output_becomes_an_artifact_of_its_own(tiny_line, tiny_line_data, tmp_path, monkeypatch):
    monkeypatch.delenv(STORE_VARIABLE, raising=False)
    done = run_task(ingest.STAGE, tiny_line.to_yaml(), 0, str(tmp_path / "artifact"), data=str(tiny_line_data))

    done.publish("snapshot.json", str(tmp_path / "new/page"))

    assert (tmp_path / "new/page").read_text() == (tmp_path / "artifact/snapshot.json").read_text()


def test_an_expected_failure_ends_the_task_with_its_message_alone(tiny_line, tmp_path):
    with pytest.raises(SystemExit) as failure:
        run_task(ingest.STAGE, tiny_line.to_yaml(), 0, str(tmp_path / "artifact"), data=str(tmp_path / "nowhere"))

    assert str(failure.value).startswith("Error: ingest: the data folder")
    assert failure.value.__suppress_context__


def test_a_broken_line_is_an_expected_failure(tmp_path):
    with pytest.raises(SystemExit, match="Error: ingest"):
        run_task(ingest.STAGE, "nonsense: true", 0, str(tmp_path), data=str(tmp_path))


def test_folders_are_found_by_path_and_by_file_uri():
    assert str(locate("data/kit")) == "data/kit"
    assert str(locate("file:///data/a%20b")) == "/data/a b"
    with pytest.raises(DatasetError, match="ftp://host/data"):
        locate("ftp://host/data")
    with pytest.raises(DatasetError, match="file://host/data"):
        locate("file://host/data")
