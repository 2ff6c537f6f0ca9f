"""The training pipeline in its own image, as a user that no image knows, from a real S3 server; and without images."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from csad.images import read_rgb
from csad.scoring.scorer import Scorer
from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset

pytestmark = pytest.mark.timeout(1800)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with EmbeddedStore(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture(scope="module")
def address(store, tiny_line, tiny_line_data):
    version = push_dataset(ObjectStore.connect(store.settings), tiny_line_data, tiny_line.name)
    return f"store://{tiny_line.name}@{version.digest}"


@pytest.fixture(scope="module")
def uid():
    return random.randrange(100_000, 1_000_000)


@pytest.fixture(scope="module")
def run(store, address, tiny_line, uid, tmp_path_factory):
    """Runs the line; where its model and its evaluation lie."""
    file = tmp_path_factory.mktemp("line") / "tiny.yaml"
    file.write_text(tiny_line.to_yaml())

    def run(runner, environment):
        output = tmp_path_factory.mktemp(runner) / "output"
        for folder in (output.parent, *output.parent.parents[:2]):
            folder.chmod(0o755)
        program = Path(__file__).with_name("run_line.py")
        done = subprocess.run(
            [sys.executable, program, runner, file, address, output, str(uid)],
            env={**environment, **store.environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return {name: Path(path) for name, path in json.loads(done.stdout.splitlines()[-1]).items()}

    return run


@pytest.fixture(scope="module")
def in_containers(run, docker, csad_images):
    images = {f"CSAD_{name}_IMAGE": csad_images["train"] for name in ("TRAIN", "FOUNDATION")}
    return run("docker", {**docker.environment, **images})


@pytest.fixture(scope="module")
def in_processes(run):
    return run("subprocess", {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})


def records(evaluation):
    return {one["key"]: one for one in json.loads((evaluation / "evaluation.json").read_text())["records"]}


def test_both_ways_give_every_image_the_same_score(in_containers, in_processes):
    here, there = records(in_processes["evaluation"]), records(in_containers["evaluation"])
    assert len(there) == 14
    assert {key: one["score"] for key, one in there.items()} == pytest.approx(
        {key: one["score"] for key, one in here.items()}, abs=1e-4
    )
    assert {key: one["anomalous"] for key, one in there.items()} == {key: one["anomalous"] for key, one in here.items()}


def test_a_model_that_was_trained_in_a_container_scores_the_same_here(in_containers, in_processes, tiny_line_data):
    image = read_rgb(tiny_line_data / "test/logical_anomalies/000.png")
    here, there = (Scorer.load(one["model"]).score(image).value for one in (in_processes, in_containers))
    assert there == pytest.approx(here, abs=1e-4)


def test_the_containers_ran_as_the_user_that_no_image_knows(in_containers, uid):
    assert {path.stat().st_uid for path in in_containers["model"].rglob("*")} == {uid}


def container(docker, image, *command, options=()):
    user = f"{random.randrange(100_000, 1_000_000)}:{random.randrange(100_000, 1_000_000)}"
    confined = ("--user", user, "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none")
    return docker.run("docker", "run", "--rm", *confined, *options, image, *command, check=False)


def test_an_image_holds_no_build_tools(docker, csad_images):
    for image in csad_images.values():
        for tool in ("pip", "gcc", "cc", "make", "git", "curl"):
            assert container(docker, image, "sh", "-c", f"command -v {tool}").returncode == 127


def test_an_image_holds_kfp_at_the_pinned_version_and_says_what_it_is(docker, csad_images):
    pin = next(line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("kfp=="))
    for name, image in csad_images.items():
        told = container(docker, image, "python3", "-c", "import kfp; print(f'kfp=={kfp.__version__}')")
        assert told.stdout.strip() == pin, told.stderr
        config = json.loads(docker.run("docker", "image", "inspect", image).stdout)[0]["Config"]
        assert config["User"] == "65532:65532"
        assert config["Labels"]["org.opencontainers.image.title"] == f"csad-{name}"
        assert config["Labels"]["csad.variant"] == "cpu"
        assert bool(config.get("Healthcheck")) == (name == "serve")


def test_the_caches_of_a_user_that_no_image_knows_are_writable(docker, csad_images):
    program = "import torch, getpass, tempfile, pathlib; pathlib.Path.home().joinpath('x').write_text('y')"
    done = container(docker, csad_images["train"], "python3", "-W", "error::UserWarning", "-c", program)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_serve_image_scores_an_image(docker, csad_images, exported_model, tiny_line_data, tmp_path):
    model, image = tmp_path / "model", tmp_path / "image.png"
    shutil.copytree(exported_model, model)
    shutil.copy(tiny_line_data / "test/logical_anomalies/000.png", image)
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    expected = Scorer.load(model).score(read_rgb(image)).value

    confined = ("--user", "123456:654321", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
    mounts = ("--volume", f"{tmp_path}:/data:ro", "--env", "CSAD_MODEL_FOLDER=/data/model")
    name = docker.run("docker", "run", "--detach", *confined, *mounts, csad_images["serve"]).stdout.strip()
    try:
        program = Path(__file__).with_name("ask_service.py").read_text()
        told = docker.run("docker", "exec", name, "python3", "-c", program, "/data/image.png")
        answer = json.loads(told.stdout)
        # Another build of torch and another choice of kernels: single precision, relative to the score.
        assert answer["score"] == pytest.approx(expected, rel=1e-4)
        assert answer["anomalous"] is True
        health = docker.run("docker", "inspect", "--format", "{{json .Config.Healthcheck.Test}}", name).stdout
        assert docker.run("docker", "exec", name, *json.loads(health)[1:], check=False).returncode == 0
    finally:
        docker.run("docker", "rm", "--force", name, check=False)
