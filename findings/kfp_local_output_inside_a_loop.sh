#!/usr/bin/env bash
# Run with kfp.local, a task inside dsl.ParallelFor that takes a parameter from a task outside the loop gets the loop's
# item in its place, without an error. The run is reported as a success, so a test that asserts on success alone
# passes. Outside the loop the same parameter arrives as it should.
# Seen with kfp 2.17.0 on Python 3.11. Run by hand; needs Python 3.11 and a package index. Fails when that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check kfp==2.17.0
cat > "$folder/try.py" << 'PYTHON'
from kfp import dsl, local


@dsl.component(install_kfp_package=False)
def which_line() -> str:
    return "bottles"


@dsl.component(install_kfp_package=False)
def score(where: str, line: str):
    print("SEEN", where, "line:", line)


@dsl.pipeline
def scoring():
    named = which_line()
    score(where="outside the loop,", line=named.output)
    with dsl.ParallelFor(["first", "second"]) as shard:
        score(where=shard, line=named.output)


local.init(local.SubprocessRunner(use_venv=False), pipeline_root="outputs")
scoring()
PYTHON
cd "$folder"
seen="$("$folder/venv/bin/python" -W ignore try.py 2>&1 | sed 's,\x1b\[[0-9;]*m,,g' | grep --only-matching -E 'SEEN.*|finished with status.*' | sort -u)"
echo "$seen"
wanted='SEEN first line: first
SEEN outside the loop, line: bottles
SEEN second line: second
finished with status SUCCESS'
[[ "$seen" == "$wanted" ]] || { echo "kfp no longer behaves as described here" >&2; exit 1; }
echo "as described: kfp 2.17.0 (right would be: line: bottles, three times)"
