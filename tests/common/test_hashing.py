import hashlib

from csad.common.hashing import bytes_sha256, file_sha256, files_sha256, json_sha256


def test_a_file_and_its_bytes_have_one_digest(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")

    assert file_sha256(tmp_path / "a") == bytes_sha256(b"abc") == hashlib.sha256(b"abc").hexdigest()


def test_a_set_of_files_is_hashed_by_sorted_names_whatever_their_order():
    expected = hashlib.sha256(b"a\x001\nb\x002\n").hexdigest()

    assert files_sha256({"b": "2", "a": "1"}) == expected
    assert files_sha256({"a": "2", "b": "1"}) != expected


def test_the_order_of_keys_changes_no_digest_and_the_order_of_a_list_does():
    assert json_sha256({"a": 1, "b": [1, 2]}) == json_sha256({"b": [1, 2], "a": 1})
    assert json_sha256({"a": 1, "b": [1, 2]}) == hashlib.sha256(b'{"a":1,"b":[1,2]}').hexdigest()
    assert json_sha256([1, 2]) != json_sha256([2, 1])
