#!/usr/bin/env bash
# torch.onnx.export given one path writes two files, and fixes the batch: weights go into PATH.data even where they
# are a few bytes, so copying or hashing the named file alone loses them, and the example's batch is the only one
# that the graph takes. `external_data=False` and `dynamic_shapes` give one file and any batch.
# Seen with torch 2.14.1, onnx 1.23.2, onnxscript 0.7.2 on Python 3.11.
# Run by hand; needs Python 3.11, 6 GB of disk and a package index. Fails when that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 onnx==1.23.2 onnxscript==0.7.2
cat > "$folder/try.py" << 'PYTHON'
from pathlib import Path

import onnx
import torch

layer, example = torch.nn.Linear(4, 2).eval(), (torch.zeros(3, 4),)
torch.onnx.export(layer, example, "plain.onnx", verbose=False)
torch.onnx.export(
    layer, example, "asked.onnx", verbose=False, external_data=False, dynamic_shapes=({0: torch.export.Dim("batch")},)
)
for name in ("plain", "asked"):
    files = sorted(path.name for path in Path().glob(f"{name}*"))
    graph = onnx.load(f"{name}.onnx", load_external_data=False).graph
    batch = graph.input[0].type.tensor_type.shape.dim[0]
    print(f"{name}: {', '.join(files)} | batch: {batch.dim_value or batch.dim_param}")
PYTHON
cd "$folder"
seen="$("$folder/venv/bin/python" -W ignore try.py 2> /dev/null | grep batch:)"
echo "$seen"
wanted='plain: plain.onnx, plain.onnx.data | batch: 3
asked: asked.onnx | batch: batch'
[[ "$seen" == "$wanted" ]] || { echo "torch no longer behaves as described here" >&2; exit 1; }
echo "as described: torch 2.14.1"
