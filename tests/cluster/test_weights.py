"""Weights in containers of our image: from the store's mirror onto a volume, which the next container finds filled."""

import json
import random

import pytest
import timm
import torch
from safetensors.torch import save_file

from csad.config.line import ProductLine
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from tests.weights.mirrored import Line, mirror_file

pytestmark = pytest.mark.timeout(1800)
BACKBONE = "test_efficientnet.r160_in1k"
PROGRAM = """
import os, sys
from csad.config.line import ProductLine
from csad.features.backbone import backbone_of
from csad.runner.fetched_weights import weights_at_hand
line = ProductLine.from_yaml(sys.argv[1])
with weights_at_hand("lgst", line):
    print(backbone_of(line.backbone).weights.sha256)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with EmbeddedStore(tmp_path_factory.mktemp("store")) as server:
        yield server


def test_a_second_container_finds_what_the_first_one_fetched(docker, csad_images, store, tmp_path):
    torch.manual_seed(0)
    file = tmp_path / "backbone.safetensors"
    save_file(timm.create_model(BACKBONE, pretrained=False).state_dict(), file)
    digest = mirror_file(ObjectStore.connect(store.settings), BACKBONE, file)
    line = ProductLine(
        name="kit",
        backbone={"name": BACKBONE, "weights": f"weights://{BACKBONE}"},
        pinned_weights={BACKBONE: digest},
    )
    volume = tmp_path / "volume"
    volume.mkdir()
    for folder in (volume, *tmp_path.parents[:2], tmp_path):
        folder.chmod(0o777 if folder == volume else 0o755)
    counted = Line.to(store.settings)
    environment = counted.settings(store.settings).to_environment() | {"CSAD_WEIGHTS_CACHE": "/weights"}
    given = [part for key, value in environment.items() for part in ("--env", f"{key}={value}")]
    sent = []
    for _ in range(2):
        user = random.randrange(100_000, 1_000_000)  # pods of a cluster may run as different users
        done = docker.run(
            "docker", "run", "--rm", "--user", f"{user}:{user}", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
            "--network", "host", "--volume", f"{volume}:/weights", *given, csad_images["train"],
            "python3", "-c", PROGRAM, json.dumps(line.model_dump(mode="json", exclude_defaults=True)),
        )  # fmt: skip
        assert done.stdout.split()[-1] == digest
        sent.append(counted.sent)

    size = file.stat().st_size
    assert size <= sent[0] < 1.1 * size
    assert sent[1] - sent[0] < 0.1 * size
