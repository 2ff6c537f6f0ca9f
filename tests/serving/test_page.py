"""The page for people, in a real browser."""

import os
import re
from pathlib import Path

import pytest
from PIL import Image

from csad.serving.app import PAGE, content_policy

from .chromium import find_chromium, page

SHOTS = os.environ.get("CSAD_SCREENSHOTS")
"""A folder to keep pictures of the page in, for people who change it."""

CHROMIUM = find_chromium()
in_a_browser = pytest.mark.skipif(not CHROMIUM, reason="no chromium here: apt install chromium")


def keep(tab, name):
    if SHOTS:
        tab.picture(Path(SHOTS) / f"{name}.png")


@pytest.fixture
def tab(tmp_path):
    with page(CHROMIUM, tmp_path / "profile") as found:
        found.resize(1180, 860)
        yield found


def scored(tab, path, times=1):
    tab.choose("#file", path)
    tab.wait_for(f"document.body.dataset.done === '{times}'")


def test_the_page_names_no_other_host():
    addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", PAGE)

    assert set(addresses) <= {"http://www.w3.org"}  # the name of SVG's elements, which nobody asks for


def test_the_page_allows_its_own_script_only(server):
    policy = server.get("/").headers["Content-Security-Policy"]

    assert policy == content_policy(PAGE)
    assert re.search(r"default-src 'none'; script-src 'sha256-[A-Za-z0-9+/]{43}='; ", policy)


@in_a_browser
def test_an_engineer_drops_images_and_sees_why(server, tab, good, bad, tmp_path):
    tab.open(server.url)
    assert tab.text("#line") == "tiny"
    assert "threshold" in tab.text("#about")
    assert tab.evaluate("document.querySelectorAll('#chart rect').length") >= 2
    keep(tab, "empty")

    scored(tab, good)
    assert tab.evaluate("document.querySelector('#problem').hidden")
    answer = server.post("/explain", files={"image": good.open("rb")}).json()
    assert tab.text("#verdict") == ("Rejected" if answer["anomalous"] else "Good")
    assert f"Score {answer['score']:.2f}" in tab.text("#figures")
    assert tab.evaluate("document.querySelector('#here') !== null")
    assert tab.evaluate("document.querySelector('#picture').naturalWidth") == 128
    keep(tab, "good")

    scored(tab, bad, times=2)
    answer = server.post("/explain", files={"image": bad.open("rb")}).json()
    assert tab.text("#verdict") == ("Rejected" if answer["anomalous"] else "Good")
    explanations = tab.evaluate("[...document.querySelectorAll('#explanations li')].map(item => item.innerText)")
    assert explanations == answer["explanations"]
    tab.evaluate("document.querySelector('#plain').click()")
    assert tab.evaluate("document.querySelector('#picture').src").startswith("blob:")
    tab.evaluate("document.querySelector('#marked').click()")
    assert tab.evaluate("document.querySelector('#picture').src").startswith("data:image/png")
    keep(tab, "bad")

    broken = tmp_path / "broken.png"
    broken.write_bytes(good.read_bytes()[:300])
    scored(tab, broken, times=3)
    assert "corrupt or truncated" in tab.text("#problem")
    keep(tab, "broken")

    large = tmp_path / "large.png"
    Image.new("RGB", (600, 600)).save(large)
    scored(tab, large, times=4)
    assert "pixels" in tab.text("#problem")

    assert [url for url in tab.requested if not url.startswith((server.url, "data:", "blob:", "about:"))] == []
    assert [error for error in tab.errors if "the server responded with a status of 4" not in error] == []


@in_a_browser
def test_the_page_fits_a_narrow_screen(server, tab, good):
    tab.resize(390, 900)
    tab.open(server.url)
    scored(tab, good)

    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    keep(tab, "narrow")


@in_a_browser
def test_the_page_asks_for_the_token(start, tab, good):
    server = start(CSAD_TOKEN="sesame")
    tab.open(server.url)
    assert not tab.evaluate("document.querySelector('#token').hidden")
    assert "token" in tab.text("#problem")
    keep(tab, "token")

    tab.evaluate("document.querySelector('#secret').value = 'sesame'")
    tab.evaluate("document.querySelector('#token button').click()")
    tab.wait_for("document.querySelector('#line').innerText === 'tiny'")
    scored(tab, good)
    assert tab.text("#verdict") in ("Good", "Rejected")
