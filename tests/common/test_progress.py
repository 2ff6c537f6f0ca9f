import itertools
import logging
import time

import pytest

from csad.common.progress import track


class Clock:
    """Ten seconds pass between two looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


@pytest.fixture
def slow_clock(monkeypatch):
    monkeypatch.setattr(time, "monotonic", Clock())


def test_all_items_pass_in_order():
    assert list(track(range(5), "Counting")) == [0, 1, 2, 3, 4]


def test_nothing_is_said_about_nothing(caplog):
    caplog.set_level(logging.INFO)
    assert list(track([], "Counting")) == []
    assert caplog.messages == []


@pytest.mark.usefixtures("slow_clock")
def test_a_long_loop_logs_every_tenth_part_and_the_end(caplog):
    caplog.set_level(logging.INFO)
    list(track(range(1000), "Counting"))
    assert len(caplog.messages) == 10
    assert caplog.messages[0] == "Counting: 100 of 1000, 2 h 30 min left"
    assert caplog.messages[-1].startswith("Counting: 1000 done in ")


@pytest.mark.usefixtures("slow_clock")
def test_a_loop_of_three_logs_three_lines(caplog):
    caplog.set_level(logging.INFO)
    list(track(range(3), "Counting"))
    assert caplog.messages == [
        "Counting: 1 of 3, 20 s left",
        "Counting: 2 of 3, 10 s left",
        "Counting: 3 done in 40 s",
    ]


def test_a_quick_loop_logs_its_end_only(caplog):
    caplog.set_level(logging.INFO)
    list(track(range(1000), "Counting"))
    assert caplog.messages == ["Counting: 1000 done in 0 s"]


def test_a_stream_of_unknown_length_can_be_left(caplog):
    caplog.set_level(logging.INFO)
    assert list(itertools.islice(track(itertools.count(), "Counting"), 3)) == [0, 1, 2]


def test_loops_inside_loops_share_the_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    pairs = [(a, b) for a in track(range(2), "Outer") for b in track(range(2), "Inner")]
    assert pairs == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert capsys.readouterr().out == ""
