"""A product line as one line of text, the same for the same settings, whatever its file looks like."""

from collections.abc import Collection

import yaml

from csad.config.line import ProductLine


def compact_yaml(line: ProductLine, leave_out: Collection[str] = ()) -> str:
    """Write a line without its defaults, and without some of its sections.

    Args:
        line: Product line.
        leave_out: Names of sections.
    """
    values = line.model_dump(mode="json", exclude_defaults=True, exclude=set(leave_out))
    # One line: the compiler writes defaults into a comment, and does not mark its second line as one.
    return yaml.safe_dump(values, sort_keys=True, allow_unicode=False, default_flow_style=True, width=2**31).strip()
