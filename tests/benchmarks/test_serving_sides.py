"""What the benchmark makes of servers that take turns."""

from contextlib import contextmanager
from types import SimpleNamespace

import psutil
import pytest

from benchmarks import serving_sides
from benchmarks.serving_sides import HERE, OURS, Side, compare, report


def test_a_side_is_a_runtime_of_this_checkout():
    side = Side.named("torch")

    assert (side.name, side.checkout) == ("torch", HERE)
    assert side.variables == {"PYTHONPATH": str(HERE), "CSAD_RUNTIME": "torch"}


def test_or_another_checkout_with_a_runtime_or_without(tmp_path):
    (tmp_path / "before" / "csad" / "serving").mkdir(parents=True)

    plain, forced = Side.named(str(tmp_path / "before")), Side.named(f"torch@{tmp_path / 'before'}")

    assert plain.variables == {"PYTHONPATH": str(tmp_path / "before")}
    assert forced.variables == {"PYTHONPATH": str(tmp_path / "before"), "CSAD_RUNTIME": "torch"}
    assert (plain.name, forced.name) == ("before", "torch@before")


@pytest.mark.parametrize("name", ["tensorflow", "/nowhere", "tensorflow@.", "torch@/nowhere"])
def test_anything_else_is_refused(name):
    with pytest.raises(ValueError, match="neither a runtime"):
        Side.named(name)


class FakeServer:
    """Starts within 2 s of processor time; an image costs `cost` seconds of it."""

    def __init__(self, cost, megabytes):
        self.cost, self.ready_after, self.spent = cost, 4.0, 2.0
        self.worker = SimpleNamespace(
            memory_info=lambda: SimpleNamespace(rss=megabytes * 2**20),
            cpu_times=lambda: SimpleNamespace(user=self.spent, system=0.0),
        )
        self.processes = [self.worker]

    def asked(self, seconds):
        images = round(seconds / self.cost)
        self.spent += images * self.cost
        return images, 1 / self.cost


class SampledOnce(serving_sides.Resources):
    def __enter__(self):
        self._sample_once()
        return self

    def __exit__(self, *error):
        pass


def test_sides_take_turns_and_the_first_is_set_beside_the_others(monkeypatch):
    monkeypatch.setattr(serving_sides, "Resources", SampledOnce)
    started = []

    @contextmanager
    def start(side):
        started.append(side.name)
        yield FakeServer(*{"csad": (0.02, 300), "torch": (0.05, 1200)}[side.name])

    rows = compare([OURS, Side("torch")], start, lambda server, seconds: server.asked(seconds), rounds=2, seconds=3.0)

    assert started == ["csad", "torch", "torch", "csad"]
    assert rows == [
        ["images/s", "50", "20", "2.50", ">= 2.5"],
        ["processor ms per image", "20", "50", "0.40", ""],
        ["memory of the worker, MiB", "300", "1200", "0.25", "<= 0.35"],
        ["memory of all processes, MiB", "300", "1200", "0.25", ""],
        ["start to ready, s", "4", "4", "1.00", "<= 0.35"],
        ["processor s of the start", "2", "2", "1.00", ""],
    ]
    assert "/ torch" in report([OURS, Side("torch")], rows)


def test_another_checkout_of_the_same_name_is_another_side(monkeypatch, tmp_path):
    (tmp_path / "csad" / "csad" / "serving").mkdir(parents=True)
    monkeypatch.setattr(serving_sides, "Resources", SampledOnce)
    other = Side.named(str(tmp_path / "csad"))
    assert other.name == OURS.name

    @contextmanager
    def start(side):
        yield FakeServer(0.02 if side is OURS else 0.04, 300)

    rows = compare([OURS, other], start, lambda server, seconds: server.asked(seconds), rounds=1, seconds=3.0)

    assert rows[0] == ["images/s", "50", "25", "2.00", ">= 2.5"]


def test_a_child_that_ends_while_it_is_looked_at_costs_one_sample():
    server = FakeServer(0.02, 300)

    def gone():
        raise psutil.NoSuchProcess(1)

    server.processes = [server.worker, SimpleNamespace(memory_info=gone)]
    resources = serving_sides.Resources(server)
    resources._sample_once()
    server.processes = [server.worker]
    resources._sample_once()

    assert resources.worker == resources.all == [300.0]
