"""Writes the authors' network with random weights. Needs their checkout on PYTHONPATH.

It loops over the images of a batch, so the graph of each batch size is a file of its own.
"""

import sys
from pathlib import Path
from typing import Any

import timm
import torch

from benchmarks.side_by_side.loading import BATCHES

SIDE = 256


def main() -> None:
    """Write a file for torch and ONNX files below the folder that is named."""
    folder, create = Path(sys.argv[1]), timm.create_model

    def without_weights(name: str, pretrained: bool = False, **settings: Any) -> torch.nn.Module:
        return create(name.partition("/")[2] or name, pretrained=False, **settings)

    timm.create_model = without_weights  # theirs come from a hub
    from models.onnx_model import CSAD_ONNX

    torch.manual_seed(0)
    network = CSAD_ONNX(dim=512, num_classes=5).eval()
    for name in ("torch", "onnx"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    torch.save({"model": network}, folder / "torch" / "model.pt")
    for batch in BATCHES:
        file = folder / "onnx" / f"batch-{batch}.onnx"
        torch.onnx.export(network, (torch.rand(batch, 3, SIDE, SIDE),), str(file), dynamo=True, external_data=False)


if __name__ == "__main__":
    main()
