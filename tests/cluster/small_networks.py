"""Small sizes for the networks of the foundation image, and random weights that fit them.

The image stays as it is: files of it that say how large a network is are mounted over, and nothing else.
"""

import json
import os
import re
from pathlib import Path

from tests.foundation.tiny_ram_plus import ARCHITECTURE

ROOT = Path(__file__).parents[2]
PACKAGES = "/opt/csad/lib/python3.11/site-packages"
SAM = "vit_b"
CHANGES = {
    "csad/foundation/tagging.py": {
        r"^(from csad\.foundation\.ram_plus\.architecture import) RamPlusArchitecture$": (
            r"\1 RamPlusArchitecture, SwinArchitecture"
        ),
        r"^PUBLISHED = RamPlusArchitecture\(\)$": f"PUBLISHED = {ARCHITECTURE!r}",
    },
    "csad/foundation/grounding.py": {
        r"^SHORT_SIDE = 800$": "SHORT_SIDE = 128",
        r"^LONG_SIDE = 1333$": "LONG_SIDE = 213",
    },
    "groundingdino/config/GroundingDINO_SwinT_OGC.py": {
        r"^enc_layers = 6$": "enc_layers = 1",
        r"^dec_layers = 6$": "dec_layers = 1",
        r"^num_queries = 900$": "num_queries = 8",
    },
    "segment_anything_hq/build_sam.py": {
        r"^        encoder_embed_dim=768,$": "        encoder_embed_dim=64,",
        r"^        encoder_depth=12,$": "        encoder_depth=2,",
        r"^        encoder_num_heads=12,$": "        encoder_num_heads=4,",
        r"^        encoder_global_attn_indexes=\[2, 5, 8, 11\],$": "        encoder_global_attn_indexes=[1],",
        r"(?s)(def _build_sam\(.*?    image_size = )1024": r"\g<1>128",
    },
}
"""By file of the image: what is replaced, once, by what."""


def small_files(docker, image, folder):
    """Write the files with small sizes; by their path in the image."""
    found = {}
    for name, changes in CHANGES.items():
        text = docker.run("docker", "run", "--rm", "--network", "none", image, "cat", f"{PACKAGES}/{name}").stdout
        for pattern, small in changes.items():
            text, count = re.subn(pattern, small, text, flags=re.MULTILINE)
            assert count == 1, f"{name} has {pattern} {count} times"
        found[f"{PACKAGES}/{name}"] = folder / Path(name).name
        found[f"{PACKAGES}/{name}"].write_text(text)
    return found


def write_weights(docker, image, files, folder):
    """Random weights as the image itself builds its networks; by name."""
    mounts = {ROOT / "tests": "/tree/tests", ROOT / "benchmarks": "/tree/benchmarks"}
    mounts |= {file: path for path, file in files.items()}
    given = [part for source, target in mounts.items() for part in ("--volume", f"{source}:{target}:ro")]
    told = docker.run(
        "docker", "run", "--rm", "--network", "none", "--user", f"{os.getuid()}:{os.getgid()}", *given,
        "--volume", f"{folder}:/out", "--env", "PYTHONPATH=/tree", "--env", "OMP_NUM_THREADS=1",
        image, "python3", "-m", "tests.foundation.tiny_weights", "/out", SAM,
    ).stdout  # fmt: skip
    written = json.loads(told.splitlines()[-1])
    return {name: folder / Path(path).relative_to("/out") for name, path in written.items()}
