import dataclasses
import json
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csad.common.errors import StoreError
from csad.config.line import NAME
from csad.store.names import check_digest, check_extra_file, check_line, check_model_file, check_relative, check_version
from csad.store.sealed import Damaged, seal, unseal

PLAIN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789._-", min_size=1, max_size=20)


@dataclasses.dataclass(frozen=True)
class Record:
    name: str
    scores: dict[str, float | None]


@given(st.text(max_size=70))
def test_a_line_has_the_name_that_its_file_may_have_or_none(name):
    if NAME.fullmatch(name):
        assert check_line(name) == name
    else:
        with pytest.raises(StoreError, match="no name of a product line"):
            check_line(name)


@pytest.mark.parametrize("name", ["", "a/b", "..", "Bottle", "a b", "-a", "a\n", "ä", "a" * 64, "a.json"])
def test_no_other_name_becomes_part_of_a_key(name):
    with pytest.raises(StoreError):
        check_line(name)


@given(st.text(max_size=30))
def test_a_relative_path_stays_in_its_folder(name):
    try:
        path = PurePosixPath("/folder") / check_relative(name)
    except StoreError:
        return
    assert ".." not in path.parts
    assert path.is_relative_to("/folder")
    assert path != PurePosixPath("/folder")


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/../../b", "/etc/passwd", "a//b", "./a", "a/", "a\0b"])
def test_paths_that_lead_elsewhere_are_refused(name):
    with pytest.raises(StoreError, match="no path inside a folder"):
        check_relative(name)


@given(st.lists(PLAIN, min_size=1, max_size=3))
def test_files_of_a_model_never_look_like_its_manifest(parts):
    name = "/".join(parts)
    try:
        assert check_model_file(name) == check_relative(name) == name
    except StoreError:
        assert any(part.startswith((".", "-")) for part in parts)


@pytest.mark.parametrize("name", ["manifest.json", "model", "a/b", "", ".hidden", "a b", "ä"])
def test_what_lies_beside_a_model_has_a_plain_name(name):
    with pytest.raises(StoreError, match="cannot lie beside a model"):
        check_extra_file(name)


@pytest.mark.parametrize("text", ["", "latest", "g" * 64, "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_digest_has_64_digits(text):
    with pytest.raises(StoreError, match="64 hexadecimal digits"):
        check_digest(text)


@pytest.mark.parametrize(
    "text", ["", "1", "20261124T101500Z", "20261124T101500Z-0123abcd/x", "20261124T101500Z-0123ABCD"]
)
def test_a_version_is_a_time_and_eight_digits(text):
    with pytest.raises(StoreError, match="no version of a model"):
        check_version(text)
    assert check_version("20261124T101500Z-0123abcd") == "20261124T101500Z-0123abcd"


@given(st.text(), st.dictionaries(st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False)))
def test_a_sealed_record_comes_back_as_it_was(name, scores):
    record = Record(name, scores)
    assert unseal(seal(record, Record), Record, "key") == record


@given(st.data())
def test_a_sealed_record_with_a_changed_byte_is_never_taken(data):
    sealed = seal(Record("bottle", {"logical": 91.5, "structural": None}), Record)
    place = data.draw(st.integers(0, len(sealed) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != sealed[place]))
    changed = sealed[:place] + bytes([byte]) + sealed[place + 1 :]
    try:
        same = unseal(changed, Record, "key")
    except StoreError:
        return
    assert json.loads(changed) == json.loads(sealed)
    assert same == Record("bottle", {"logical": 91.5, "structural": None})


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{}", b"\xff", b'{"format": 1, "sha256": "", "content": {}}'])
def test_what_is_no_record_is_damaged(text):
    with pytest.raises(Damaged, match="models/a in the store is damaged"):
        unseal(text, Record, "models/a")


def test_a_record_of_a_later_format_asks_for_a_newer_csad():
    later = json.dumps({"format": 2, "sha256": "", "content": {}}).encode()
    with pytest.raises(StoreError, match="has format 2, this csad reads 1"):
        unseal(later, Record, "key")
