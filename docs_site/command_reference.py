"""The help of every command, as a terminal shows it."""

from collections.abc import Iterator

import click

WIDTH = 110


def csad_commands() -> str:
    """Every `csad` command."""
    from csad.cli import main

    return reference(main, "csad")


def pipelines_commands() -> str:
    """Every `python -m pipelines` command."""
    from pipelines.__main__ import main

    return reference(main, "python -m pipelines")


def reference(program: click.Group, name: str) -> str:
    """The program's own help, then that of each command under a heading."""
    return "\n\n".join(_sections(program, click.Context(program, info_name=name, max_content_width=WIDTH)))


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    context.terminal_width = WIDTH
    level = "###" if context.parent and context.parent.parent else "##"
    yield f"{level} {context.command_path}"
    yield f"```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _sections(inner, click.Context(inner, parent=context, info_name=name))
