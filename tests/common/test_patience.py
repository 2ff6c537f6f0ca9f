"""What is tried again, for how long, and what the log says of it."""

import logging

import pytest

from csad.common import patience
from csad.common.errors import StageError
from csad.common.patience import VARIABLE, Patience, keep_trying


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        self.pauses = []
        monkeypatch.setattr(patience.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(patience.time, "sleep", self.sleep)

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(patience.random, "uniform", lambda low, high: high)
    return Clock(monkeypatch)


class Server:
    """Answers after a time, or after some failures."""

    def __init__(self, clock, back_at=0.0, error=ConnectionError):
        self.clock, self.back_at, self.error = clock, back_at, error
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if self.clock.now < self.back_at:
            raise self.error("away")
        return "answer"


def passing(error):
    return "no connection" if isinstance(error, ConnectionError) else None


def test_what_succeeds_is_done_once(clock):
    server = Server(clock)
    assert keep_trying(server, passing, "ask", Patience(10)) == "answer"
    assert (server.asked, clock.pauses) == (1, [])


def test_pauses_grow_to_a_limit(clock):
    server = Server(clock, back_at=115.0)
    assert keep_trying(server, passing, "ask", Patience(60)) == "answer"
    assert clock.pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_pauses_are_uneven_so_that_tasks_do_not_come_back_all_at_once(clock, monkeypatch):
    drawn = []
    monkeypatch.setattr(patience.random, "uniform", lambda low, high: drawn.append((low, high)) or low)
    keep_trying(Server(clock, back_at=100.4), passing, "ask", Patience(60))
    assert drawn == [(0.5, 1)] * 3
    assert clock.pauses == pytest.approx([0.1, 0.2, 0.4])


def test_after_its_time_the_last_failure_is_raised_as_it_was(clock):
    server = Server(clock, back_at=1e9)
    with pytest.raises(ConnectionError, match="away"):
        keep_trying(server, passing, "ask", Patience(10))
    # Pauses end 0.2, 0.6, 1.4, 3.0, 6.2 and 11.2 s after the first failure; the attempt after 10 s is the last one.
    assert server.asked == 7


def test_there_are_at_least_so_many_attempts(clock):
    server = Server(clock, back_at=1e9)
    with pytest.raises(ConnectionError):
        keep_trying(server, passing, "ask", Patience(seconds=0, attempts=3))
    assert server.asked == 3


def test_what_will_never_pass_fails_at_once(clock, monkeypatch):
    monkeypatch.setenv(VARIABLE, "300")
    server = Server(clock, back_at=1e9, error=PermissionError)
    with pytest.raises(PermissionError):
        keep_trying(server, passing, "ask", Patience(60, 3))
    assert (server.asked, clock.pauses) == (1, [])


def test_a_task_goes_on_for_as_long_as_its_variable_says(clock, monkeypatch):
    monkeypatch.setenv(VARIABLE, "300")
    assert keep_trying(Server(clock, back_at=390.0), passing, "ask", Patience(6)) == "answer"
    with pytest.raises(ConnectionError):
        keep_trying(Server(clock, back_at=clock.now + 400), passing, "ask", Patience(6))


def test_the_variable_shortens_nothing(monkeypatch):
    monkeypatch.setenv(VARIABLE, "5")
    assert Patience(45, 3).in_task() == Patience(45, 3)


@pytest.mark.parametrize("text", ["long", "-1", "nan", "inf", "100000"])
def test_a_variable_that_is_no_time_is_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(StageError, match=f"{VARIABLE} is '{text}'; expected seconds from 0 to 86400"):
        Patience(1).in_task()


def test_the_log_says_what_is_waited_for_and_that_it_came_back(clock, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("csad"), "propagate", True)
    caplog.set_level(logging.INFO)
    keep_trying(Server(clock, back_at=140.0), passing, "read a", Patience(60))
    # Attempts fail after 0, 0.2, 0.6, 1.4 s (the first word), 3.0, 6.2, 11.2, ... 31.2 s (too soon), 36.2 s.
    assert caplog.messages == [
        "cannot read a: no connection; trying again for up to 59 s",
        "cannot read a: no connection; trying again for up to 24 s",
        "could read a after 41 s",
    ]


def test_a_short_silence_is_not_worth_a_word(clock, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("csad"), "propagate", True)
    keep_trying(Server(clock, back_at=100.5), passing, "read a", Patience(60))
    assert caplog.messages == []
