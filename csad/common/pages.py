"""HTML pages that need nothing else: no network, no script, no other file."""

import base64
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from csad.common.humanize import plain, sentence
from csad.common.printable import printable

BASE = "page.html"
"""Head and style of every page."""


def render_page(package: str, template: str, **values: object) -> str:
    """Fill a template; whatever text a value holds is shown as text.

    Args:
        package: Folder of csad that holds the template, such as "gate".
        template: Its file. It extends `base` and fills the blocks `title`, `style` and `main`.
        **values: What the template names; all of it must be given.
    """
    return printable(_environment().get_template(f"{package}/{template}").render(base=f"common/{BASE}", **values))


def picture_address(data: bytes, kind: str = "jpeg") -> Markup:
    """A picture as an address that holds the whole of it."""
    return Markup(f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("csad", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"plain": plain, "sentence": sentence, "picture": picture_address}
    return environment
