import pytest
from jinja2 import UndefinedError

from csad.common.pages import picture_address, render_page


def test_text_of_a_value_is_text_on_the_page():
    page = render_page("stages", "not_evaluated.html", line="kit", note="a < b", doubts=["<script>"])

    assert "<p>a &lt; b</p>" in page
    assert "Doubtful pseudo-labels: &lt;script&gt;." in page


def test_a_value_that_is_not_given_is_an_error_and_not_a_gap():
    with pytest.raises(UndefinedError, match="'note' is undefined"):
        render_page("stages", "not_evaluated.html", line="kit", doubts=[])


def test_a_name_that_is_not_utf_8_is_shown_by_its_bytes():
    assert r"gr\xf6\xdfe" in render_page("stages", "not_evaluated.html", line="gr\udcf6\udcdfe", note="", doubts=[])


def test_a_picture_lies_in_its_address():
    assert picture_address(b"abc", "png") == "data:image/png;base64,YWJj"
