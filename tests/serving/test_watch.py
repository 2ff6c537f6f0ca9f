"""A folder watcher against a real service: once each, whole files only, through restarts on both sides."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from PIL import Image

from csad.common.errors import ServingError
from csad.common.file_stamp import FileStamp
from csad.serving.client import ScoringClient
from csad.serving.ledger import Ledger, Seen
from csad.serving.watcher import FolderWatcher, Pace

QUICK = Pace(interval=0.05, settle=0.2, patience=0.6)


def results(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "camera"
    found.mkdir()
    return found


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results.jsonl"


def watch_once(url, folder, out, pace=QUICK):
    with Ledger(out) as ledger:
        FolderWatcher(folder, ScoringClient(url), ledger, pace, lambda file, result: None).run_once()


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_each_image_is_scored_once_and_a_changed_one_again(server, folder, out, good, bad):
    (folder / "line 1").mkdir()
    shutil.copy(good, folder / "a.png")
    shutil.copy(bad, folder / "line 1" / "b.png")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_bytes(b"no image")

    watch_once(server.url, folder, out)
    watch_once(server.url, folder, out)

    first = results(out)
    assert sorted(line["file"] for line in first) == ["a.png", "line 1/b.png"]
    assert all(line["anomalous"] == (line["score"] > line["threshold"]) for line in first)
    assert first[0]["model"]["line"] == "tiny"
    shutil.copy(bad, folder / "a.png")
    watch_once(server.url, folder, out)
    assert [line["file"] for line in results(out)[2:]] == ["a.png"]


def test_images_of_linked_folders_are_scored(server, folder, out, good):
    (folder.parent / "camera 2").mkdir()
    shutil.copy(good, folder.parent / "camera 2" / "a.png")
    (folder / "cam2").symlink_to("../camera 2")

    watch_once(server.url, folder, out)

    assert [result["file"] for result in results(out)] == ["cam2/a.png"]


def test_a_file_that_is_being_written_waits_until_it_is_whole(server, folder, out, good):
    content = good.read_bytes()
    half = len(content) // 2
    with Ledger(out) as ledger:
        slow = Pace(interval=0.05, settle=0.1, patience=60)
        watcher = FolderWatcher(folder, ScoringClient(server.url), ledger, slow, lambda file, result: None)
        watching = threading.Thread(target=watcher.run)
        watching.start()
        try:
            with (folder / "slow.png").open("wb") as stream:
                stream.write(content[:half])
                stream.flush()
                time.sleep(1.0)  # many times the settling time: only decoding shows that the end is missing
                assert results(out) == []
                stream.write(content[half:])
            wait_for(lambda: results(out))
        finally:
            watcher.stop()
            watching.join()

    (line,) = results(out)
    assert "error" not in line
    assert line["bytes"] == len(content)


def test_an_image_that_stays_broken_is_given_up_with_the_reason(server, folder, out, good):
    (folder / "broken.png").write_bytes(good.read_bytes()[:300])

    watch_once(server.url, folder, out)

    (line,) = results(out)
    assert line["error"].startswith("broken.png: corrupt or truncated image")


def test_an_image_that_the_service_refuses_is_recorded_and_the_next_is_scored(server, folder, out, good):
    from PIL import Image

    Image.new("RGB", (500, 400)).save(folder / "large.png")  # more than the test server's 100,000 pixels
    shutil.copy(good, folder / "z.png")

    watch_once(server.url, folder, out)

    lines = {line["file"]: line for line in results(out)}
    assert "200,000 pixels" in lines["large.png"]["error"]
    assert "score" in lines["z.png"]


def test_images_wait_while_the_service_is_away_and_no_other_watcher_comes_between(
    tiny_model, folder, out, good, tmp_path, unused_port, serve_on
):
    url = f"http://127.0.0.1:{unused_port}"
    command = [sys.executable, "-m", "csad.cli", "watch", str(folder), "--url", url, "--out", str(out)]
    command += ["--interval", "0.1", "--settle", "0.1"]
    shutil.copy(good, folder / "early.png")
    watcher = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(out.exists)
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert "in use by another csad watch" in second.stderr
        assert results(out) == []
        with serve_on(unused_port):
            wait_for(lambda: len(results(out)) == 1)
            shutil.copy(good, folder / "late.png")
            wait_for(lambda: len(results(out)) == 2)
        shutil.copy(good, folder / "after.png")
        time.sleep(0.5)
    finally:
        watcher.send_signal(signal.SIGTERM)
        _, messages = watcher.communicate(timeout=30)

    assert watcher.returncode == 0, messages
    assert "does not answer" in messages
    assert "the service answers again" in messages
    assert [line["file"] for line in results(out)] == ["early.png", "late.png"]


def test_a_line_that_a_crash_cut_short_is_scored_again(server, folder, out, good):
    shutil.copy(good, folder / "a.png")
    shutil.copy(good, folder / "b.png")
    watch_once(server.url, folder, out)
    whole = out.read_bytes()
    out.write_bytes(whole[:-20])

    watch_once(server.url, folder, out)

    assert [line["file"] for line in results(out)] == [line["file"] for line in map(json.loads, whole.splitlines())]


def test_a_file_that_is_no_ledger_is_left_alone(out):
    out.write_text("date,score\n")

    with pytest.raises(ServingError, match="line 1 is not of csad watch"):
        Ledger(out)
    assert out.read_text() == "date,score\n"


def test_the_ledger_remembers(out):
    seen = Seen("a.png", FileStamp(7, 3, 1, 2))
    with Ledger(out) as ledger:
        assert seen not in ledger
        ledger.add(seen, "aa", {"score": 1.0})
    with Ledger(out) as ledger:
        assert seen in ledger
        assert len(ledger) == 1
    assert results(out) == [
        {"file": "a.png", "bytes": 7, "modified": 1, "changed": 2, "inode": 3, "sha256": "aa", "score": 1.0}
    ]


@pytest.mark.parametrize("stamp", [(8, 3, 1, 2), (7, 4, 1, 2), (7, 3, 2, 2), (7, 3, 1, 3)])
def test_a_file_of_which_anything_changed_is_no_longer_known_unless_its_bytes_are(out, stamp):
    other = Seen("a.png", FileStamp(*stamp))
    with Ledger(out) as ledger:
        ledger.add(Seen("a.png", FileStamp(7, 3, 1, 2)), "aa", {"score": 1.0})
        assert other not in ledger
        assert not ledger.holds_still(other, "bb")
        assert other not in ledger
        assert ledger.holds_still(other, "aa")
        assert other in ledger


def test_an_image_that_was_refused_is_tried_again_when_it_is_touched(out):
    with Ledger(out) as ledger:
        ledger.add(Seen("a.png", FileStamp(7, 3, 1, 2)), "aa", {"error": "too large"})
        assert not ledger.holds_still(Seen("a.png", FileStamp(7, 3, 1, 9)), "aa")


def test_a_line_by_size_and_time_alone_counts_for_nothing_until_the_file_is_scored_again(out):
    out.write_text('{"file": "a.png", "bytes": 7, "modified": 1, "score": 1.0}\n')
    seen = Seen("a.png", FileStamp(7, 3, 1, 2))
    with Ledger(out) as ledger:
        assert seen not in ledger
        assert (len(ledger), ledger.vague) == (0, 1)
        ledger.add(seen, "aa", {"score": 2.0})
        assert (len(ledger), ledger.vague) == (1, 0)
    with Ledger(out) as ledger:
        assert (len(ledger), ledger.vague) == (1, 0)
    assert [line["score"] for line in results(out)] == [1.0, 2.0]


def test_a_file_replaced_by_another_of_its_size_and_time_is_scored_again_and_one_put_back_is_not(
    server, folder, out, tmp_path
):
    for day, values in (("monday", (10, 20)), ("tuesday", (10, 30))):
        (tmp_path / day).mkdir()
        for name, value in zip(("a.bmp", "b.bmp"), values, strict=True):
            Image.new("RGB", (40, 30), (value, 0, 0)).save(tmp_path / day / name)
            os.utime(tmp_path / day / name, ns=(1, 1))

    for day in ("monday", "tuesday"):
        for name in ("a.bmp", "b.bmp"):
            shutil.copy2(tmp_path / day / name, folder / name)
        watch_once(server.url, folder, out)

    found = results(out)
    assert [line["file"] for line in found] == ["a.bmp", "b.bmp", "b.bmp"]
    assert len({(line["bytes"], line["modified"]) for line in found}) == 1


@pytest.mark.parametrize("name", ["größe.png", "line\u2028separator.png", os.fsdecode(b"gr\xf6\xdfe.png")])
def test_the_ledger_remembers_names_of_any_characters(out, name):
    with Ledger(out) as ledger:
        ledger.add(Seen(name, FileStamp(7, 3, 1, 2)), "aa", {"error": f"{name}: not an image"})
    with Ledger(out) as ledger:
        assert Seen(name, FileStamp(7, 3, 1, 2)) in ledger
    assert results(out)[0]["file"] == name


def test_a_wrong_token_ends_the_watch_and_says_so(start, folder, out, good):
    server = start(CSAD_TOKEN="sesame")
    shutil.copy(good, folder / "a.png")

    with pytest.raises(ServingError, match="refuses the token"):
        watch_once(server.url, folder, out)
    assert results(out) == []


def test_a_server_that_is_no_scoring_service_ends_the_watch(folder, out, good, server):
    shutil.copy(good, folder / "a.png")

    with pytest.raises(ServingError, match="is not a scoring service"):
        watch_once(server.url + "/model", folder, out)
