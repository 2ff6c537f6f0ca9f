import logging
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from csad.common.errors import StageError
from csad.runner import file_digests, lock
from csad.runner.stage import RECORD, Stage, StageRecord
from csad.runner.stage_folders import PARTIAL
from csad.runner.stage_runner import StageRunner
from csad.runner.summary import Summary


@dataclass(frozen=True)
class Copied(Summary):
    characters: int
    text: str


def copy_text(line, source, output, seed=0, times=1):
    text = (source / "text").read_text() * times
    (output / "text").write_text(f"{text}{seed}")
    return Copied(len(text), text)


COPY = Stage(name="copy", run=copy_text, summary=Copied, sections=("lgst",), seeded=True)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "text").write_text("abc")
    return folder


@pytest.fixture
def runner(tmp_path, tiny_line):
    return StageRunner(tmp_path / "stages", tiny_line, seed=7)


def with_section(line, name, **changes):
    return line.model_copy(update={name: getattr(line, name).model_copy(update=changes)})


def test_a_stage_leaves_its_output_and_a_record(runner, source):
    done = runner.run(COPY, source=source)

    assert (done.folder / "text").read_text() == "abc7"
    record = StageRecord.find(done.folder)
    assert (record.stage, record.summary) == ("copy", {"characters": 3, "text": "abc"})
    assert not done.reused


def test_an_unchanged_stage_is_reused_with_the_same_summary(runner, source, caplog):
    caplog.set_level(logging.INFO)
    first = runner.run(COPY, source=source)
    second = runner.run(COPY, source=source)

    assert second.reused
    assert (second.folder, second.summary) == (first.folder, Copied(3, "abc"))
    assert "copy: unchanged, reused" in caplog.messages


def test_a_changed_input_a_seed_an_option_or_a_relevant_setting_runs_it_again(runner, source, tmp_path, tiny_line):
    folders = {runner.run(COPY, source=source).folder}
    folders.add(runner.run(COPY, {"times": 2}, source=source).folder)
    folders.add(StageRunner(tmp_path / "stages", tiny_line, seed=8).run(COPY, source=source).folder)
    changed = with_section(tiny_line, "lgst", steps=5)
    folders.add(StageRunner(tmp_path / "stages", changed, seed=7).run(COPY, source=source).folder)
    (source / "text").write_text("abd")
    folders.add(runner.run(COPY, source=source).folder)

    assert len(folders) == 5


def test_a_setting_of_another_section_does_not(runner, source, tmp_path, tiny_line):
    runner.run(COPY, source=source)
    changed = with_section(tiny_line, "segmentation", steps=5)

    assert StageRunner(tmp_path / "stages", changed, seed=7).run(COPY, source=source).reused


def test_a_change_travels_to_the_stages_that_follow(runner, source):
    def chain():
        first = runner.run(COPY, source=source)
        return runner.run(COPY, source=first.folder)

    assert not chain().reused
    assert chain().reused
    (source / "text").write_text("other")
    assert not chain().reused


def test_changed_weights_run_a_stage_and_those_that_follow_again(runner, source, tmp_path):
    weights = tmp_path / "weights.pth"
    stage = replace(COPY, weights=lambda line, source: [weights])

    def chain():
        first = runner.run(stage, source=source)
        return first.reused, runner.run(COPY, source=first.folder).reused

    weights.write_bytes(b"first")
    assert chain() == (False, False)
    assert chain() == (True, True)
    weights.unlink()
    weights.write_bytes(b"other")
    assert chain() == (False, False)


def test_unchanged_weights_are_read_once(runner, source, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(file_digests, "file_sha256", lambda file: read.append(file.name) or "0" * 64)
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"first")
    stage = replace(COPY, weights=lambda line, source: [weights])

    folders = {StageRunner(runner.root, runner.line, seed=7).run(stage, source=source).folder for _ in range(2)}

    assert read == ["weights.pth"]
    assert len(folders) == 1


def test_a_failed_stage_leaves_nothing_that_looks_finished(runner, source, tmp_path):
    def fail(line, source, output):
        (output / "half").write_text("half")
        raise StageError("no components")

    with pytest.raises(StageError, match="no components"):
        runner.run(Stage(name="fail", run=fail, summary=Copied), source=source)

    left = [folder.name for folder in (tmp_path / "stages").iterdir()]
    assert all(name.endswith(PARTIAL) for name in left)


def count_up(line, source, output):
    """Write one file per call and fail until there are three."""
    (output / str(len(list(output.iterdir())))).touch()
    if len(list(output.iterdir())) < 3:
        raise StageError("interrupted")
    return Copied(3, "done")


def test_a_gpu_that_is_too_small_is_named_with_what_helps(runner, source):
    def overflow(**_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has 8 GiB.")

    with pytest.raises(StageError, match=r"memory does not suffice \(CUDA out of.*GiB\.\); free the GPU, lower"):
        runner.run(replace(COPY, run=overflow), source=source)


def test_another_error_of_a_stage_stays_what_it_is(runner, source):
    def fail(**_):
        raise RuntimeError("a mistake")

    with pytest.raises(RuntimeError, match="a mistake"):
        runner.run(replace(COPY, run=fail), source=source)


def test_a_resumable_stage_goes_on_from_what_it_left(runner, source):
    stage = Stage(name="count", run=count_up, summary=Copied, resumable=True)

    for _ in range(2):
        with pytest.raises(StageError, match="interrupted"):
            runner.run(stage, source=source)

    assert sorted(file.name for file in runner.run(stage, source=source).folder.iterdir()) == ["0", "1", "2", RECORD]


def test_other_stages_start_afresh(runner, source):
    stage = Stage(name="count", run=count_up, summary=Copied)

    for _ in range(4):
        with pytest.raises(StageError, match="interrupted"):
            runner.run(stage, source=source)


def test_a_full_disk_names_the_path_and_keeps_earlier_results(runner, source, tmp_path):
    first = runner.run(COPY, source=source)

    def write_to_a_full_disk(line, source, output):
        Path("/dev/full").write_text("x")

    with pytest.raises(StageError, match=r"cannot write .*stages/greedy.*the disk is full.*finished stages are kept"):
        runner.run(Stage(name="greedy", run=write_to_a_full_disk, summary=Copied), source=source)
    assert runner.run(COPY, source=source).folder == first.folder


def test_an_output_that_is_a_file_is_named(tiny_line, source, tmp_path):
    (tmp_path / "file").touch()

    runner = StageRunner(tmp_path / "file" / "stages", tiny_line, seed=0)
    with pytest.raises(StageError, match=r"file.*choose another place"), runner.working():
        pass


@pytest.fixture
def powerless():
    """The superuser may write anywhere, so become nobody."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


def test_a_read_only_output_is_named(tiny_line, tmp_path, powerless):
    runner = StageRunner(Path("/usr/csad-stages"), tiny_line, seed=0)

    with pytest.raises(StageError, match=r"/usr/csad-stages.*(permission denied|read-only)"), runner.working():
        pass


def test_two_runs_on_one_output_do_not_mix(runner, tiny_line, tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 0.0)
    other = StageRunner(tmp_path / "stages", tiny_line, seed=1)
    message = rf"another run \(process {os.getpid()}\)"

    with runner.working(), pytest.raises(StageError, match=message), other.working():
        pass
    with other.working():
        pass


def test_what_no_run_used_since_is_removed(runner, source):
    stage = replace(COPY, name="masks")
    old = runner.run(stage, {"times": 2}, source=source).folder
    kept = runner.run(stage, source=source).folder
    interrupted = runner.root / f"segnet-0123456789ab{PARTIAL}"
    interrupted.mkdir()
    for folder in (old, kept, interrupted):
        os.utime(folder, (1, 1))
    since = time.time()
    runner.run(stage, source=source)

    runner.prune(since)

    assert kept.exists()
    assert not old.exists()
    assert not interrupted.exists()


@pytest.mark.parametrize(
    "name", ["my own folder", "masks", "masks-old", "photos-202401011200", "masks-0123456789ab.bak"]
)
def test_a_folder_that_is_no_stages_is_never_removed(runner, name):
    mine = runner.root / name
    mine.mkdir(parents=True)
    (mine / "photo.png").touch()
    os.utime(mine, (1, 1))

    runner.prune(since=time.time())

    assert (mine / "photo.png").exists()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda file: file.write_text("abd7"), "text was changed"),
        (lambda file: file.write_text("abc"), "text was changed"),
        (lambda file: file.unlink(), "text is missing"),
    ],
    ids=["changed", "cut off", "deleted"],
)
def test_a_damaged_stage_is_not_reused_but_made_again(runner, source, caplog, damage, found):
    first = runner.run(COPY, source=source)
    damage(first.folder / "text")

    again = runner.run(COPY, source=source)

    assert not again.reused
    assert (again.folder / "text").read_text() == "abc7"
    assert f"copy: {found} in {first.folder} since it was finished; it runs again" in caplog.messages
    assert runner.run(COPY, source=source).reused


def test_a_stage_whose_files_were_only_touched_or_copied_is_reused(runner, source):
    first = runner.run(COPY, source=source)
    os.utime(first.folder / "text", (1, 1))

    assert runner.run(COPY, source=source).reused


def test_a_record_names_the_stages_that_it_came_from(runner, source):
    first = runner.run(COPY, source=source)
    second = runner.run(COPY, source=first.folder)

    assert StageRecord.find(first.folder).inputs == {}
    assert StageRecord.find(second.folder).inputs == {"source": StageRecord.find(first.folder).key}


def test_a_finished_file_replaced_by_another_of_its_size_and_time_runs_the_stage_again(runner, source, tmp_path):
    done = runner.run(COPY, source=source)
    (tmp_path / "swapped").write_text("xyz7")
    shutil.copystat(done.folder / "text", tmp_path / "swapped")
    (tmp_path / "swapped").replace(done.folder / "text")

    again = runner.run(COPY, source=source)

    assert not again.reused
    assert (again.folder / "text").read_text() == "abc7"
