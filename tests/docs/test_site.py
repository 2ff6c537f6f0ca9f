"""The documentation builds as a site: strictly, without a network, with nothing left out."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from csad.cli import main as csad
from csad.config.line import ProductLine
from csad.serving.openapi import describe
from csad.serving.schemas import ModelName
from docs_site import error_reference
from pipelines.__main__ import main as pipelines

pytestmark = pytest.mark.timeout(900)
ROOT = Path(__file__).parents[2]
BUILD = """
import socket, sys

def refuse(*_, **__):
    raise OSError("the build asks for the network")

socket.socket.connect = socket.socket.connect_ex = socket.create_connection = refuse
from mkdocs.__main__ import cli
cli(["build", "--strict", "--site-dir", sys.argv[1]])
"""
ASKED_FOR = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\"\s>]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run([sys.executable, "-c", BUILD, folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def text_of(site):
    """The text of a page, tags left out."""

    def read(name):
        return unescape(re.sub(r"<[^>]+>", "", (site / name).read_text(encoding="utf-8")))

    return read


def keys(model: type[BaseModel]) -> Iterator[str]:
    """The keys of a section and of the sections within."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner)
        else:
            yield name


def paths(command: click.Command, name: str) -> Iterator[str]:
    """The commands as one types them."""
    yield name
    if isinstance(command, click.Group):
        for inner, found in command.commands.items():
            yield from paths(found, f"{name} {inner}")


def test_no_page_asks_for_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    assert {page.name: found for page in pages if (found := ASKED_FOR.findall(page.read_text(encoding="utf-8")))} == {}


def test_no_mark_of_a_generated_part_is_left(site):
    assert [page.name for page in site.rglob("*.html") if "<!-- generated" in page.read_text(encoding="utf-8")] == []


def test_every_setting_has_a_row(site):
    cells = re.findall(r"<tr>\s*<td><code>(\w+)</code></td>", (site / "settings.html").read_text(encoding="utf-8"))
    assert sorted(cells) == sorted(keys(ProductLine))


def test_every_command_is_shown(text_of):
    text = text_of("commands.html")
    every = {*paths(csad, "csad"), *paths(pipelines, "python -m pipelines")}
    assert {command for command in every if f"Usage: {command} " not in text} == set()


def test_every_address_of_the_service_is_shown(text_of):
    text = text_of("http-api.html")
    described = describe(ModelName(line="any", version="1"), with_token=True)["paths"]
    assert {f"{method.upper()} {path}" for path, methods in described.items() for method in methods} == {
        f"{method} {path}" for method, path in re.findall(r"^(GET|POST) (/\S*)¶$", text, re.MULTILINE)
    }


def test_every_error_says_what_to_do(text_of):
    text = text_of("troubleshooting.html")
    assert [one.name for one in error_reference.find_classes() if f"\n{one.name}\n" not in text] == []


def test_a_function_of_the_method_is_one_click_from_its_equation(site):
    page = (site / "method.html").read_text(encoding="utf-8")
    (target,) = set(re.findall(r'href="(code/scoring\.html#csad\.scoring\.fusion\.Fusion\.combine)"', page))
    assert 'id="csad.scoring.fusion.Fusion.combine"' in (site / target.partition("#")[0]).read_text(encoding="utf-8")


def test_formulas_are_drawn_by_the_browser(site):
    page = (site / "method.html").read_text(encoding="utf-8")
    assert page.count("<math") == len(re.findall(r"^```math$", (ROOT / "docs/method.md").read_text(), re.MULTILINE))
    assert re.findall(r"<m[io]>(?:&#x0005C;|\\)\w+", page) == []
