import os
from pathlib import Path

from csad.common.printable import printable


def test_text_stays_as_it_is():
    assert printable("größe 日本.png") == "größe 日本.png"


def test_bytes_that_are_no_text_are_written_as_such():
    assert printable(Path(os.fsdecode(b"ma\xdfe/gr\xf6\xdfe.png"))) == r"ma\xdfe/gr\xf6\xdfe.png"
