#!/usr/bin/env bash
# PatchCore that anomalib exports to ONNX takes two images, no more and no less: a camera that sends one gets an error.
# anomalib asks for any batch, as it does for EfficientAD, whose graph takes any; of PatchCore the batch with which
# torch's exporter traces the graph stays in it as a number, and nothing is said. Its OpenVINO file is made from that
# graph and takes two images, too. Exporting the model for each batch by torch.onnx.export gives graphs that work.
# Seen with anomalib 2.7.0, torch 2.14.1, torchvision 0.29.1, onnx 1.23.2, onnxscript 0.7.2, onnxruntime 1.32.0 on
# Python 3.11, weights random.
# Run by hand; needs Python 3.11, 8 GB of disk and a package index. Fails when that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    anomalib==2.7.0 torch==2.14.1 torchvision==0.29.1 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0
cat > "$folder/try.py" << 'PYTHON'
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from anomalib.models import EfficientAd, Patchcore

side = 64
patchcore = Patchcore(pre_trained=False, evaluator=False, visualizer=False)
patchcore.model.memory_bank = torch.rand(100, sum(patchcore.model.feature_extractor.out_dims))
for model in (EfficientAd(evaluator=False, visualizer=False), patchcore):
    name = type(model).__name__
    model.eval().to_onnx(Path(name), input_size=(256, 256) if name == "EfficientAd" else (side, side))
    graph = onnxruntime.InferenceSession(next(Path(name).rglob("*.onnx")))
    entry = graph.get_inputs()[0]
    taken = []
    for batch in (1, 2, 3):
        images = np.zeros((batch, *entry.shape[1:]), np.float32)
        try:
            graph.run(None, {entry.name: images})
            taken.append(batch)
        except Exception as error:
            assert "Got invalid dimensions" in str(error), error
    print(f"{name}: batch in the graph: {entry.shape[0]} | of 1, 2 and 3 images it takes: {taken}")
PYTHON
cd "$folder"
seen="$(HF_HUB_OFFLINE=1 "$folder/venv/bin/python" -W ignore try.py 2> errors.txt | grep "batch in the graph")" \
    || { cat errors.txt >&2; exit 1; }
echo "$seen"
wanted='EfficientAd: batch in the graph: batch_size | of 1, 2 and 3 images it takes: [1, 2, 3]
Patchcore: batch in the graph: 2 | of 1, 2 and 3 images it takes: [2]'
[[ "$seen" == "$wanted" ]] || { echo "anomalib no longer behaves as described here" >&2; exit 1; }
echo "as described: anomalib 2.7.0, torch 2.14.1"
