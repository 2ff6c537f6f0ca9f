"""Writes EfficientAD-S and PatchCore as anomalib exports them. Runs in anomalib's environment.

Their weights are random: pretrained ones come from a hub, and the time of a network does not depend on them.
anomalib's own graph of PatchCore takes two images, no more and no less, so each batch gets a graph here
(findings/anomalib_patchcore_takes_two_images.sh).
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
    efficientad.eval()
    efficientad.to_torch(folder / "efficientad_s")
    efficientad.to_onnx(folder / "efficientad_s", input_size=(SIDE, SIDE))
    efficientad.to_openvino(folder / "efficientad_s", input_size=(SIDE, SIDE))
    patchcore.eval()
    patchcore.to_torch(folder / "patchcore")
    weights = folder / "patchcore" / "weights"
    for runtime in ("onnx", "openvino"):
        (weights / runtime).mkdir(exist_ok=True)
    for batch in BATCHES:
        graph = weights / "onnx" / f"batch-{batch}.onnx"
        torch.onnx.export(patchcore, (torch.rand(batch, 3, SIDE, SIDE),), str(graph), dynamo=True, external_data=False)
        network = openvino.convert_model(graph)
        openvino.save_model(network, weights / "openvino" / f"batch-{batch}.xml", compress_to_fp16=False)


if __name__ == "__main__":
    main()
