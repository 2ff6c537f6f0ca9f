"""Packed image sets that no run needs any more go; what is used, or may be under way, stays."""

from datetime import UTC, datetime, timedelta

import pytest

from csad.store.objects import ObjectStore
from csad.store.packed_sets import KnownSet, find_known, put_known, put_packed
from csad.store.prune import Pruned, lines_with_packed_sets, prune_packed_sets

NOW = datetime(2026, 11, 29, tzinfo=UTC)
SUMMARY = "{}"


class AgedStore(ObjectStore):
    """A store whose listing says when each object was written, as the test has it."""

    ages: dict[str, int]

    def list_sizes(self, prefix):
        return [one._replace(written=NOW - timedelta(days=self.age(one.key))) for one in super().list_sizes(prefix)]

    def age(self, key):
        return next((days for part, days in self.ages.items() if part in key), 0)


@pytest.fixture
def store(own_store):
    made = AgedStore.connect(own_store)
    made.ages = {}
    return made


@pytest.fixture
def put(store, tmp_path):
    """Stores a set whose two files have as many bytes as given, used so many days ago."""

    def put(key, used, training, whole, packed=None):
        addresses = []
        for content in (training, whole):
            file = tmp_path / "packed.tar"
            file.write_bytes(content)
            addresses.append(put_packed(store, "bottles", file))
            store.ages.setdefault(addresses[-1].rpartition("/")[2], used if packed is None else packed)
        known = KnownSet(*addresses, SUMMARY)
        put_known(store, "bottles", key * 64, known)
        store.ages[f"known/{key * 64}"] = used
        return known

    return put


def test_what_was_not_used_for_longer_than_the_days_goes_and_the_rest_stays(store, put):
    put("a", 45, b"12345", b"1234567")
    recent = put("b", 12, b"x", b"y")
    assert prune_packed_sets(store, "bottles", 30) == Pruned("bottles", files=2, bytes=12, kept=2)
    assert find_known(store, "bottles", "a" * 64) is None
    assert find_known(store, "bottles", "b" * 64) == recent
    assert len(list(store.list("ingested/bottles/"))) == 3


def test_what_the_last_run_used_stays_however_long_ago_that_was(store, put):
    last = put("a", 400, b"x", b"y")
    put("b", 450, b"v", b"w")
    assert prune_packed_sets(store, "bottles", 30) == Pruned("bottles", files=2, bytes=2, kept=2)
    assert find_known(store, "bottles", "a" * 64) == last


def test_a_file_that_a_used_set_shares_with_an_old_one_stays(store, put):
    """Another test image leaves the training images as they were."""
    put("a", 45, b"train", b"old")
    recent = put("b", 1, b"train", b"new")
    assert prune_packed_sets(store, "bottles", 30) == Pruned("bottles", files=1, bytes=3, kept=2)
    assert find_known(store, "bottles", "b" * 64) == recent


def test_an_old_set_that_is_used_again_counts_from_its_last_use(store, put):
    again = put("a", 2, b"x", b"y", packed=90)
    put("b", 0, b"v", b"w")
    assert prune_packed_sets(store, "bottles", 30).files == 0
    assert find_known(store, "bottles", "a" * 64) == again


def test_files_that_a_killed_run_left_without_a_record_go_by_their_own_age(store, put, tmp_path):
    put("a", 0, b"x", b"y")
    for content, days in ((b"left long ago", 31), (b"being stored now", 1)):
        (tmp_path / "packed.tar").write_bytes(content)
        store.ages[put_packed(store, "bottles", tmp_path / "packed.tar").rpartition("/")[2]] = days
    assert prune_packed_sets(store, "bottles", 30) == Pruned("bottles", files=1, bytes=13, kept=3)


def test_other_lines_are_left_alone_and_named(store, put):
    put("a", 45, b"x", b"y")
    assert prune_packed_sets(store, "kits", 30) == Pruned("kits", 0, 0, 0)
    assert lines_with_packed_sets(store) == ["bottles"]


def test_less_than_a_day_is_refused_since_runs_take_hours(store):
    with pytest.raises(ValueError, match="days is 0, expected 1 or more"):
        prune_packed_sets(store, "bottles", 0)
