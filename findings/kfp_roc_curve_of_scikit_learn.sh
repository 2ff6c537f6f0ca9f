#!/usr/bin/env bash
# What scikit-learn's roc_curve returns does not fit KFP's log_roc_curve, although the two are made for each other: the
# first threshold is infinite, KFP writes it into the executor's output as the bare word Infinity, which is no JSON,
# and nothing complains until a strict reader (KFP's launcher is written in Go) refuses the file and the task fails.
# Seen with kfp 2.17.0 and scikit-learn 1.9.1 on Python 3.11, Node.js standing in for a strict reader of JSON.
# Run by hand; needs Python 3.11, node and a package index. Fails when that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check kfp==2.17.0 scikit-learn==1.9.1
cat > "$folder/try.py" << 'PYTHON'
import sys

from kfp import dsl
from kfp.dsl.executor import Executor

finite = sys.argv[1] == "finite"


@dsl.component(install_kfp_package=False)
def evaluation(curve: dsl.Output[dsl.ClassificationMetrics], finite: bool):
    from sklearn.metrics import roc_curve

    false_rates, true_rates, thresholds = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    first = 1 if finite else 0
    curve.log_roc_curve(false_rates[first:].tolist(), true_rates[first:].tolist(), thresholds[first:].tolist())


artifact = {"name": "curve", "type": {"schemaTitle": "system.ClassificationMetrics"}, "uri": sys.argv[2] + ".curve", "metadata": {}}
told = {
    "inputs": {"parameterValues": {"finite": finite}},
    "outputs": {"outputFile": sys.argv[2], "artifacts": {"curve": {"artifacts": [artifact]}}},
}
Executor(executor_input=told, function_to_execute=evaluation.python_func).execute()
PYTHON
read_strictly() {
    node -e 'try { JSON.parse(require("fs").readFileSync(process.argv[1])); console.log("JSON") }
             catch (error) { console.log("not JSON") }' "$1"
}
cd "$folder"
for points in all finite; do
    "$folder/venv/bin/python" -W ignore try.py "$points" "$folder/$points.json"
done
seen="all points: $(read_strictly all.json), $(grep --only-matching 'confidenceThreshold": [A-Za-z]*' all.json | head -1)
without the first point: $(read_strictly finite.json)"
echo "$seen"
wanted='all points: not JSON, confidenceThreshold": Infinity
without the first point: JSON'
[[ "$seen" == "$wanted" ]] || { echo "kfp no longer behaves as described here" >&2; exit 1; }
echo "as described: kfp 2.17.0, scikit-learn 1.9.1"
