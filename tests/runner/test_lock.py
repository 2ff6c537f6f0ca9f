import os
import subprocess
import sys
import time

import pytest

from csad.common.errors import StageError
from csad.runner import lock
from csad.runner.lock import end_with_holder, exclusive

HOLD = """
import sys, time
from pathlib import Path
from csad.runner.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
FOLLOW = """
import sys, time
from pathlib import Path
from csad.runner.lock import end_with_holder
end_with_holder(Path(sys.argv[1]))
print("following", flush=True)
time.sleep(60)
"""


def start(program, folder):
    process = subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


@pytest.fixture
def holder(tmp_path):
    process = start(HOLD, tmp_path)
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_refused_and_told_who_is_first(holder, tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 0.1)
    with pytest.raises(StageError, match=rf"another run \(process {holder.pid}\) is working in"), exclusive(tmp_path):
        pass


def test_a_killed_run_lets_go(holder, tmp_path):
    holder.kill()
    with exclusive(tmp_path):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_a_task_ends_with_the_run_that_started_it(holder, tmp_path):
    task = start(FOLLOW, tmp_path)
    assert task.poll() is None
    holder.kill()
    started = time.monotonic()
    assert task.wait(timeout=30) == 1
    assert time.monotonic() - started < 10


def test_a_task_without_a_run_lives_on(tmp_path):
    end_with_holder(tmp_path)
    with exclusive(tmp_path):
        pass
    end_with_holder(tmp_path)
    time.sleep(0.1)
