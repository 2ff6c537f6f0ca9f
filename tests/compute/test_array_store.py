import tracemalloc

import numpy as np
import pytest

from csad.compute.array_store import ArrayStore


def numbered(count, shape=(2, 3)):
    return (np.full(shape, number, np.uint8) for number in range(count))


def test_each_array_comes_back_by_its_number():
    with ArrayStore(numbered(4), (2, 3)) as store:
        assert len(store) == 4
        assert store[2].tolist() == [[2] * 3] * 2
        assert store.read(1, 2)[:, 0, 0].tolist() == [1, 2]
        assert store.read(3, 8).shape == (1, 2, 3)


@pytest.mark.parametrize("index", [-1, 4])
def test_a_number_that_does_not_exist_is_an_error(index):
    with ArrayStore(numbered(4), (2, 3)) as store, pytest.raises(IndexError, match="4 arrays"):
        store[index]


def test_no_arrays_are_a_store_of_none():
    with ArrayStore(numbered(0), (2, 3)) as store:
        assert len(store) == 0


def test_memory_holds_one_array_however_many_there_are():
    tracemalloc.start()
    with ArrayStore(numbered(100, (1000, 1000)), (1000, 1000)) as store:
        assert int(store[99].max()) == 99
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6
