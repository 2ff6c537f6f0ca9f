#!/usr/bin/env bash
# KFP reads the description of a component's output only from the docstring's "Returns:" section, although outputs are
# arguments of the function: described among "Args:", like every other argument, they compile without a description.
# Seen with kfp 2.17.0 on Python 3.11. Run by hand; needs Python 3.11 and a package index. Fails when that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check kfp==2.17.0
cat > "$folder/try.py" << 'PYTHON'
from kfp import dsl


@dsl.component
def described_among_arguments(rows: int, table: dsl.Output[dsl.Dataset]):
    """Write a table.

    Args:
        rows: How many rows.
        table: The table that was written.
    """


@dsl.component
def described_as_returned(rows: int, table: dsl.Output[dsl.Dataset]):
    """Write a table.

    Args:
        rows: How many rows.

    Returns:
        table: The table that was written.
    """


for component in (described_among_arguments, described_as_returned):
    spec = component.component_spec
    print(component.name, "| input:", spec.inputs["rows"].description, "| output:", spec.outputs["table"].description)
PYTHON
seen="$("$folder/venv/bin/python" -W ignore "$folder/try.py")"
echo "$seen"
wanted='described-among-arguments | input: How many rows. | output: None
described-as-returned | input: How many rows. | output: The table that was written.'
[[ "$seen" == "$wanted" ]] || { echo "kfp no longer behaves as described here" >&2; exit 1; }
echo "as described: kfp 2.17.0"
