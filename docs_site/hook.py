"""Hook of mkdocs: fills generated parts into the pages, adds generated pages, and links names of the code.

A line `<!-- generated: NAME -->` in a page is replaced by what `PARTS[NAME]` returns. Inline code that is the full name
of something in a package of `code_pages.PACKAGES` becomes a link to its source; the strict build fails where there is
no such name.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs_site import (
    code_pages,
    command_reference,
    cost_tables,
    error_reference,
    http_reference,
    scaling_tables,
    settings_reference,
)

ROOT = Path(__file__).parents[1]
PARTS: Mapping[str, Callable[[], str]] = {
    "settings": settings_reference.reference,
    "old-names": settings_reference.old_names,
    "csad-commands": command_reference.csad_commands,
    "pipelines-commands": command_reference.pipelines_commands,
    "http-operations": http_reference.operations,
    "http-types": http_reference.types,
    "service-variables": http_reference.variables,
    "error-classes": error_reference.classes,
    "error-messages": error_reference.messages,
    "run-load": scaling_tables.run_load,
    "many-lines": scaling_tables.many_lines,
    "stage-costs": cost_tables.stage_cost_tables,
}
MARK = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)
NAME = re.compile(r"(?<![`\[])`(csad\.(?:[a-z_]+)\.[A-Za-z_.]+\w)`")
FROM_ROOT = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Pages of the site that lie at the root of the repository, where people look for them."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of docs/."""
    for page, name in FROM_ROOT.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text.replace("](docs/", "](")))
    for page, text in code_pages.pages().items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the generated parts, and link names of the code."""
    return link_names(fill_in(markdown, page.file.src_uri))


def fill_in(markdown: str, page: str) -> str:
    """Replace the marks of a page by what they name.

    Raises:
        PluginError: Nothing has that name.
    """

    def part(match: re.Match[str]) -> str:
        if match[1] not in PARTS:
            known = ", ".join(sorted(PARTS))
            raise PluginError(f"{page} asks for the generated part {match[1]!r}; there are {known}")
        return PARTS[match[1]]()

    return MARK.sub(part, markdown)


def link_names(markdown: str) -> str:
    """Make links of the inline code that names something in the documented packages."""

    def link(match: re.Match[str]) -> str:
        known = match[1].split(".")[1] in code_pages.PACKAGES
        return f"[{match[0]}][{match[1]}]" if known else match[0]

    return NAME.sub(link, markdown)
