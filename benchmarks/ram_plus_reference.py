"""What the authors' RAM++ answers for seeded weights: the reference that `csad.foundation.ram_plus` is tested against.

Needs neither csad nor the published weights, but the authors' program and the libraries of its time:

    git clone https://github.com/xinyu1205/recognize-anything   # reference made from commit 7cb804a8609e
    python3.11 -m venv old
    old/bin/pip install torch torchvision timm==0.4.12 transformers==4.25.1 "numpy<2" scipy
    old/bin/python benchmarks/ram_plus_reference.py recognize-anything

It writes two files to tests/foundation/data: `ram_plus_reference.npz` (logits and tags of a tiny and of the full-size
network, an image as the authors prepare it) and `ram_plus_published.json.gz` (names and shapes of the full-size
network's tensors). Random weights and images come from numpy's RandomState, whose stream never changes.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import shutil
import sys
import tempfile
import types
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
OUTPUT = Path(__file__).resolve().parents[1] / "tests" / "foundation" / "data"
COPIED = ("ram_plus", "bert", "swin_transformer", "utils", "vit")
COMPUTED = ("relative_position_index", "attn_mask")
TINY_SEED, FULL_SEED, IMAGE_SEED = 11, 12, 13
PREPARED_SIDE = 32


@dataclass(frozen=True)
class Size:
    """A network: the Swin encoder's image, window, width, depths and heads; the tagging head's width and its tags."""

    image: int
    window: int
    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    hidden: int
    intermediate: int
    tags: int


TINY = Size(224, 7, 8, (2, 2, 4, 2), (1, 2, 4, 8), hidden=32, intermediate=64, tags=9)
FULL = Size(384, 12, 192, (2, 2, 18, 2), (6, 12, 24, 48), hidden=768, intermediate=3072, tags=4585)
THRESHOLDS = (0.1, 0.5, 0.9, 0.2, 0.5, 0.8, 0.3, 0.5, 0.7)
"""Thresholds of the tiny network's tags."""


def seeded_state(shapes: Mapping[str, Shape], seed: int) -> dict[str, NDArray[np.float32]]:
    """Random weights that keep activations alive; each tensor depends on the seed and its own name alone.

    Args:
        shapes: Names and shapes; what the network computes itself is left out.
        seed: Random seed of the weights.
    """
    state = {}
    for name, shape in shapes.items():
        last = name.rpartition(".")[2]
        if last in COMPUTED:
            continue
        drawn = np.random.RandomState((seed + zlib.crc32(name.encode())) % 2**32).standard_normal(shape)
        if name == "reweight_scale":
            drawn = np.array(2.0)
        elif name == "label_embed":
            drawn = 0.6 * drawn
        elif last == "relative_position_bias_table":
            drawn = 0.5 * drawn
        elif last == "bias":
            drawn = 0.1 * drawn
        elif len(shape) == 1:
            drawn = 1 + 0.1 * drawn
        else:
            drawn = drawn / np.sqrt(np.prod(shape[1:]))
        state[name] = np.asarray(drawn, dtype=np.float32)
    return state


def seeded_images(count: int, side: int) -> NDArray[np.float32]:
    """Normalised images (count, 3, side, side)."""
    return np.random.RandomState(IMAGE_SEED).standard_normal((count, 3, side, side)).astype(np.float32)


def seeded_pixels() -> NDArray[np.uint8]:
    """An image (47, 61, 3) to be prepared."""
    return np.random.RandomState(IMAGE_SEED).randint(0, 256, (47, 61, 3)).astype(np.uint8)


def install(checkout: Path, folder: Path, size: Size, tags: Sequence[str], thresholds: Sequence[float]) -> Path:
    """Copy what RAM++ needs of the authors' package to where a network of our size can be configured.

    Returns:
        A folder for the tokenizer; its words are never used.
    """
    for name in COPIED:
        target = folder / "ram" / "models" / f"{name}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkout / "ram" / "models" / f"{name}.py", target)
    shutil.copyfile(checkout / "ram" / "transform.py", folder / "ram" / "transform.py")
    (folder / "ram" / "__init__.py").touch()
    (folder / "ram" / "models" / "__init__.py").touch()
    swin = {
        "ckpt": "",
        "vision_width": size.width * 2 ** (len(size.depths) - 1),
        "image_res": size.image,
        "window_size": size.window,
        "embed_dim": size.width,
        "depths": size.depths,
        "num_heads": size.heads,
    }
    head = json.loads((checkout / "ram" / "configs" / "q2l_config.json").read_text())
    head |= {"hidden_size": size.hidden, "intermediate_size": size.intermediate}
    _write(folder / "ram" / "configs" / "swin" / f"config_swinL_{size.image}.json", json.dumps(swin))
    _write(folder / "ram" / "configs" / "q2l_config.json", json.dumps(head))
    for name in ("ram_tag_list.txt", "ram_tag_list_chinese.txt"):
        _write(folder / "ram" / "data" / name, "\n".join(tags))
    _write(folder / "ram" / "data" / "ram_tag_list_threshold.txt", "\n".join(map(str, thresholds)))
    _write(folder / "words" / "vocab.txt", "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]))
    return folder / "words"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def build(folder: Path, words: Path, size: Size) -> Any:
    """The authors' network, in evaluation mode; FairScale, which only their other networks train with, is left out."""
    fairscale = types.ModuleType("fairscale.nn.checkpoint.checkpoint_activations")
    fairscale.checkpoint_wrapper = None  # type: ignore[attr-defined]
    sys.modules["fairscale.nn.checkpoint.checkpoint_activations"] = fairscale
    for name in [name for name in sys.modules if name.split(".")[0] == "ram"]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module("ram.models.ram_plus")
        return module.RAM_plus(vit="swin_l", image_size=size.image, text_encoder_type=str(words)).eval()
    finally:
        sys.path.remove(str(folder))


def answer(network: Any, seed: int, images: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """What the authors' network says for seeded weights.

    Returns:
        tokens (B, N, 512) before the tagging head, logits (B, K), tags (B, K) as 0 and 1.
    """
    import torch

    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    state = {name: torch.from_numpy(values) for name, values in seeded_state(shapes, seed).items()}
    missing, unexpected = network.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.rpartition(".")[2] in COMPUTED for name in missing)
    seen: dict[str, torch.Tensor] = {}
    hooks = [
        network.image_proj.register_forward_hook(lambda _module, _inputs, output: seen.update(tokens=output)),
        network.fc.register_forward_hook(lambda _module, _inputs, output: seen.update(logits=output.squeeze(-1))),
    ]
    with torch.no_grad():
        found, _ = network.generate_tag(torch.from_numpy(images))
    for hook in hooks:
        hook.remove()
    words = network.tag_list.tolist()
    tags = np.array([[word in line.split(" | ") for word in words] for line in found], dtype=np.uint8)
    return {"tokens": seen["tokens"].numpy(), "logits": seen["logits"].numpy(), "tags": tags}


def prepared() -> NDArray[np.float32]:
    """An image as the authors resize and normalise it, (3, side, side)."""
    from PIL import Image

    transform = importlib.import_module("ram.transform").get_transform(PREPARED_SIDE)
    return np.asarray(transform(Image.fromarray(seeded_pixels())).numpy())


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="clone of xinyu1205/recognize-anything")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        words = install(arguments.checkout, Path(folder), TINY, [f"tag{n}" for n in range(TINY.tags)], THRESHOLDS)
        tiny = answer(build(Path(folder), words, TINY), TINY_SEED, seeded_images(2, TINY.image))
        arrays |= {f"tiny_{name}": values for name, values in tiny.items()}
        arrays["prepared"] = prepared()
    data = arguments.checkout / "ram" / "data"
    tags = (data / "ram_tag_list.txt").read_text(encoding="utf-8").splitlines()
    thresholds = [float(line) for line in (data / "ram_tag_list_threshold.txt").read_text().split()]
    with tempfile.TemporaryDirectory() as folder:
        words = install(arguments.checkout, Path(folder), FULL, tags, thresholds)
        network = build(Path(folder), words, FULL)
        shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
        full = answer(network, FULL_SEED, seeded_images(1, FULL.image))
        arrays |= {"full_logits": full["logits"], "full_tags": full["tags"]}
    np.savez_compressed(arguments.output / "ram_plus_reference.npz", **arrays)
    packed = gzip.compress(json.dumps(shapes, indent=0).encode(), mtime=0)
    (arguments.output / "ram_plus_published.json.gz").write_bytes(packed)
    for name, values in arrays.items():
        print(name, values.shape, f"mean {values.mean():.4f}, deviation {values.std():.4f}")


if __name__ == "__main__":
    main()
