"""What the benchmark of the service makes of its measurements."""

import sys
from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from benchmarks import serving
from benchmarks.serving import Tally


@pytest.fixture
def server():
    return SimpleNamespace(port=1, worker=SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=2**30)))


def clients(monkeypatch, *rates, status=200):
    """Let clients see these rates, in turn."""
    seen = iter(rates)
    monkeypatch.setattr(serving, "ask_together", lambda *arguments: (Tally(statuses=Counter({status: 9})), next(seen)))


@pytest.mark.parametrize(("together", "met"), [(13.0, True), (12.9, False)])
def test_many_clients_must_get_more_done_than_one(server, monkeypatch, together, met):
    clients(monkeypatch, 10.0, together, 10.0, together)

    assert serving.measure_throughput(server, [b""], 1.0) is met


def test_a_request_that_fails_is_a_miss(server, monkeypatch):
    clients(monkeypatch, 10.0, 20.0, 10.0, 20.0, status=500)

    assert not serving.measure_throughput(server, [b""], 1.0)


@pytest.mark.parametrize(("overhead", "met"), [(0.008, True), (0.009, False)])
def test_what_serving_adds_must_be_little(server, monkeypatch, overhead, met):
    def ask(port, pictures, until, most, tally):
        tally.statuses[200] += most
        tally.seconds += [1.0] * most
        tally.overheads += [overhead] * most

    monkeypatch.setattr(serving, "ask", ask)

    assert serving.measure_latency(server, [b""], 100) is met


def measure(monkeypatch, tmp_path, *only, **met):
    (tmp_path / "model.json").touch()
    (tmp_path / "a.png").touch()
    monkeypatch.setattr(serving, "serving", lambda model, folder: nullcontext())
    for part in serving.PARTS:
        monkeypatch.setattr(serving, f"measure_{part}", lambda *arguments, part=part: met.get(part, True))
    monkeypatch.setattr(sys, "argv", ["serving", str(tmp_path), "--images", str(tmp_path), *only])
    serving.main()


def test_a_missed_target_is_named_and_fails(monkeypatch, tmp_path):
    with pytest.raises(SystemExit) as ended:
        measure(monkeypatch, tmp_path, latency=False, hostile=False)

    assert ended.value.code == "missed: latency, hostile"


def test_what_is_met_or_not_measured_does_not_fail(monkeypatch, tmp_path):
    measure(monkeypatch, tmp_path)
    measure(monkeypatch, tmp_path, "--only", "start", latency=False)
