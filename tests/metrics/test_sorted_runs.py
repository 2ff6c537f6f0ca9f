import contextlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csad.common.errors import CsadError
from csad.metrics.sorted_runs import Between, SortedRuns


def walk(arrays, **options):
    with SortedRuns(**options) as runs:
        for array in arrays:
            runs.append(np.array(array, dtype=np.float32))
        return list(runs.merged())


def values_of(part, arrays):
    """All values of a part; those of ties are looked up by rank."""
    if isinstance(part, Between):
        return [float(value) for values in part.values for value in values]
    ordered = [sorted(array) for array in arrays]
    return [
        value
        for array, start, count in zip(ordered, part.starts, part.counts, strict=True)
        for value in array[start : start + count]
    ]


def test_two_arrays_are_walked_in_common_order():
    parts = walk([[3.0, 1.0], [2.0, 2.0, 5.0]], sample=1, window=1)
    arrays = [[3.0, 1.0], [2.0, 2.0, 5.0]]
    assert [value for part in parts for value in values_of(part, arrays)] == [1.0, 2.0, 2.0, 3.0, 5.0]


def test_nothing_at_all_is_walked_without_complaint():
    assert [part.values for part in walk([])] == [[]]
    assert [[list(values) for values in part.values] for part in walk([[]])] == [[[]]]


short = st.lists(st.sampled_from([-2.0, 0.0, 0.5, 1.0, 3.0, 9.0]), max_size=30)


@given(arrays=st.lists(short, max_size=6), sample=st.integers(1, 5), window=st.integers(1, 12))
def test_every_value_is_met_once_in_rising_order_whatever_the_windows(arrays, sample, window):
    parts = walk(arrays, sample=sample, window=window)
    met = [value for part in parts for value in sorted(values_of(part, arrays))]
    assert met == sorted(value for array in arrays for value in array)


@given(arrays=st.lists(short, min_size=1, max_size=6), sample=st.integers(1, 5), window=st.integers(5, 12))
def test_a_window_holds_no_more_than_its_size_and_one_sample_per_array(arrays, sample, window):
    for part in walk(arrays, sample=sample, window=window):
        if isinstance(part, Between):
            assert sum(map(len, part.values)) <= window + sample * len(arrays)


def test_ranks_tell_where_a_part_starts_in_its_array():
    parts = walk([[4.0, 1.0, 2.0, 3.0]], sample=1, window=2)
    assert [part.starts[0] for part in parts] == [0, 1, 2, 3, 4]


def test_a_full_disk_is_named_with_the_way_out(monkeypatch):
    with contextlib.suppress(OSError), Path("/dev/full").open("wb") as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: full)
        runs = SortedRuns()
        with pytest.raises(CsadError, match=r"No space left on device; they take 4 bytes a pixel.*TMPDIR"):
            runs.append(np.ones(100_000))
