#!/usr/bin/env bash
# segment-anything-hq loads a checkpoint of another model without an error: its builders call load_state_dict with
# strict=False and print what did not match. A SAM-HQ "loaded" from a file that holds none of its tensors keeps its
# random weights and proposes masks all the same. Compare the keys yourself before trusting the model.
# Seen with segment-anything-hq 0.3, timm 1.0.31, torch 2.14.1 on Python 3.11.
# Run by hand; needs Python 3.11, 6 GB of disk and a package index. Fails when that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    segment-anything-hq==0.3 timm==1.0.31 torch==2.14.1 torchvision==0.29.1
cat > "$folder/try.py" << 'PYTHON'
import contextlib
import io

import torch
from segment_anything_hq import sam_model_registry
from torchvision.models import resnet18

torch.save(resnet18().state_dict(), "resnet18.pth")
with contextlib.redirect_stdout(io.StringIO()) as printed:
    model = sam_model_registry["vit_tiny"](checkpoint="resnet18.pth")
shared = set(torch.load("resnet18.pth")) & set(model.state_dict())
print("built:", type(model).__name__, "| tensors in common:", len(shared), "| says so:", "missing_keys" in printed.getvalue())
PYTHON
cd "$folder"
seen="$("$folder/venv/bin/python" -W ignore try.py 2> /dev/null)"
echo "$seen"
wanted='built: Sam | tensors in common: 0 | says so: True'
[[ "$seen" == "$wanted" ]] || { echo "segment-anything-hq no longer behaves as described here" >&2; exit 1; }
echo "as described: segment-anything-hq 0.3"
