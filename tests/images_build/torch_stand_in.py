"""A wheelhouse for building the CPU images where PyTorch's own index cannot be reached.

PyPI has torch for Linux only with CUDA (6 GB installed). Where a CPU wheel of torch lies in one of pip's find-links,
that one is taken, with PyPI's torchvision of the same release. The latter's compiled part needs CUDA's libraries, so it
is left out. Of what that holds CSAD needs `nms` alone, in the foundation image, and gets it in Python: `NMS`. For tests
only: never ship what it makes.
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

TORCHVISION_OF = {"2.14.1": "0.29.1", "2.13.0": "0.28.0"}
BUILD = "2standin"
"""A wheel's build tag: of two wheels of one version pip takes the one that has it, and of two of these the later."""
NMS = '''

def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy, as the compiled one that is left out here: the best box first, which drops those that it overlaps."""
    covers = box_iou(boxes, boxes) > iou_threshold
    dropped = torch.zeros(len(boxes), dtype=torch.bool)
    kept = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        if not dropped[index]:
            kept.append(index)
            dropped |= covers[index]
    return torch.tensor(kept, dtype=torch.int64)
'''
"""Takes the place of the function in torchvision/ops/boxes.py; on the CPU, where the images of tests compute."""
REGISTRATION = re.compile(r'^@torch\.library\.register_fake\("torchvision::\w+"\)$', re.MULTILINE)


def make_wheelhouse(folder: Path, *constraints: Path) -> tuple[Path, ...]:
    """Put a CPU torch, its torchvision and the constraints that pin them into a folder.

    Args:
        folder: Where the wheels go.
        *constraints: Pins of everything else; for each a file of the same name beside the folder gets them all.

    Returns:
        The new constraints; none where there is no CPU wheel of torch to be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for release, vision in TORCHVISION_OF.items():
        if _download(f"torch=={release}+cpu", folder):
            with tempfile.TemporaryDirectory() as draft:
                if not _download(f"torchvision=={vision}", Path(draft)):
                    return ()
                _without_compiled_part(next(Path(draft).glob("torchvision-*.whl")), folder)
            return tuple(_pin(one, folder.parent / one.name, f"{release}+cpu", vision) for one in constraints)
    return ()


def _download(requirement: str, folder: Path) -> bool:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _without_compiled_part(wheel: Path, folder: Path) -> None:
    name, version, tags = wheel.name.split("-", maxsplit=2)
    stand_in = folder / f"{name}-{version}-{BUILD}-{tags}"
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(stand_in, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith("torchvision/_meta_registrations.py"):
                data = REGISTRATION.sub("", data.decode()).encode()
            if entry.filename.endswith("torchvision/ops/boxes.py"):
                data += NMS.encode()
            if entry.filename.endswith("RECORD"):
                data = re.sub(r",sha256=[^,]*,\d*$", ",,", data.decode(), flags=re.MULTILINE).encode()
            if not entry.filename.endswith(".so") and not entry.filename.startswith("torchvision.libs/"):
                target.writestr(entry, data)


def _pin(constraints: Path, output: Path, torch: str, vision: str) -> Path:
    lines = [line for line in constraints.read_text().splitlines() if not re.match(r"torch(vision)?==", line)]
    output.write_text("\n".join([*lines, f"torch=={torch}", f"torchvision=={vision}", ""]))
    return output


if __name__ == "__main__":
    print(make_wheelhouse(Path(sys.argv[1]), *map(Path, sys.argv[2:])) or "no CPU wheel of torch is within reach")
