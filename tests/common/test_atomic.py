import errno

import pytest

from csad.common.atomic import replacing, write_text


def test_a_file_is_written_with_its_folder(tmp_path):
    write_text(tmp_path / "new" / "größe.txt", "é")
    assert (tmp_path / "new" / "größe.txt").read_bytes() == b"\xc3\xa9"


def test_a_failure_halfway_leaves_the_old_content_and_no_remains(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_halfway():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail_halfway()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
