"""The commit of the code that runs, for the record of what it made."""

import os

VARIABLE = "CSAD_GIT_COMMIT"
"""Set in the images, which have no checkout; a local run sets it to its checkout's."""

UNKNOWN = "unknown"


def code_commit() -> str:
    """Commit of the code that runs; "unknown" where nobody said."""
    return os.environ.get(VARIABLE, "").strip() or UNKNOWN
