"""Writes EfficientAD-S and PatchCore as anomalib exports them. Runs in anomalib's environment.

Their weights are random: pretrained ones come from a hub, and the time of a network does not depend on them.
anomalib's graph of PatchCore takes one image alone, so that of a batch is exported beside it.
"""

import sys
from pathlib import Path

import openvino
import torch
from anomalib.models import EfficientAd, Patchcore

from benchmarks.side_by_side.loading import BATCHES

SIDE = 256
MEMORY = 10_000
"""Patches in PatchCore's memory bank: about what a tenth of 100 images leaves."""


def main() -> None:
    """Write torch, ONNX and OpenVINO files of both models below the folder that is named."""
    folder = Path(sys.argv[1])
    torch.manual_seed(0)
    efficientad = EfficientAd(evaluator=False, visualizer=False)
    for values in (*efficientad.model.mean_std.values(), *efficientad.model.quantiles.values()):
        values.data = torch.rand_like(values) + 0.5  # at 0, their value before a training, the maps are not normalised
    patchcore = Patchcore(pre_trained=False, evaluator=False, visualizer=False)
    channels = sum(patchcore.model.feature_extractor.out_dims)
    patchcore.model.memory_bank = torch.rand(MEMORY, channels)
    for name, model in (("efficientad_s", efficientad), ("patchcore", patchcore)):
        model.eval()
        model.to_torch(folder / name)
        model.to_onnx(folder / name, input_size=(SIDE, SIDE))
        model.to_openvino(folder / name, input_size=(SIDE, SIDE))
    images, weights, name = (
        torch.rand(BATCHES[1], 3, SIDE, SIDE),
        folder / "patchcore" / "weights",
        f"batch-{BATCHES[1]}",
    )
    graph = weights / "onnx" / f"{name}.onnx"
    torch.onnx.export(patchcore, (images,), str(graph), dynamo=True, external_data=False)
    openvino.save_model(openvino.convert_model(graph), weights / "openvino" / f"{name}.xml", compress_to_fp16=False)


if __name__ == "__main__":
    main()
