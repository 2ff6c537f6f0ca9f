#!/usr/bin/env bash
# Inside a task of a pipeline KFP's own client cannot be imported: the executor sets _KFP_RUNTIME=true, kfp.dsl then
# leaves out what kfp.client needs, and the import ends in an AttributeError about a circular import. A task that
# starts another run works with kfp_server_api, or in a second Python without that variable.
# Seen with kfp 2.17.0 on Python 3.11. Run by hand; needs Python 3.11 and a package index. Fails when that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check kfp==2.17.0
cat > "$folder/try.py" << 'PYTHON'
try:
    import kfp.client
except AttributeError as error:
    print("kfp.client:", "circular import" if "circular import" in str(error) else error)
else:
    print("kfp.client: imported")
PYTHON
seen="$(
    echo "outside a task, $("$folder/venv/bin/python" -W ignore "$folder/try.py")"
    echo "inside a task, $(_KFP_RUNTIME=true "$folder/venv/bin/python" -W ignore "$folder/try.py")"
    _KFP_RUNTIME=true "$folder/venv/bin/python" -W ignore -c 'import kfp_server_api; print("inside a task, kfp_server_api: imported")'
)"
echo "$seen"
wanted='outside a task, kfp.client: imported
inside a task, kfp.client: circular import
inside a task, kfp_server_api: imported'
[[ "$seen" == "$wanted" ]] || { echo "kfp no longer behaves as described here" >&2; exit 1; }
echo "as described: kfp 2.17.0"
