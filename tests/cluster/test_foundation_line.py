"""A line with foundation proposals in pods: its own image, its compiled commands, weights from the store over a volume.

The networks are the real ones, small, with random weights. KFP's server is the stand-in, which plays the pipeline; its
tasks are pods of a real cluster. CSAD_TEST_WHOLE_LINE=1 makes pods of the tasks behind `clustering`, too.
"""

import json
import os
import re
import time
from dataclasses import replace

import pytest

from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from tests.cluster.run_scene import Scene
from tests.cluster.small_networks import SAM, small_files, write_weights
from tests.foundation.tiny_weights import TAGS
from tests.services.kfp_execution import Execution
from tests.services.kfp_server import KfpServer
from tests.weights.mirrored import mirror_file, sha256

WITH_WEIGHTS = ("tagging", "masks")
IN_PODS = ("ingest", *WITH_WEIGHTS, "clustering")
REST = ("lgst", "segnet", "statistics", "evaluation", "release")


@pytest.fixture(scope="module")
def scene(cluster, docker, base_image, csad_images, foundation_image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    with EmbeddedStore(folder / "store") as server:
        scene = Scene(cluster, {**csad_images, "foundation": foundation_image}, server.settings, folder)
        try:
            scene.make(base_image)
            yield scene
        finally:
            cluster.kubectl("delete", "namespace", scene.namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def small(scene, docker, foundation_image):
    """The files of the foundation image that small networks take."""
    folder = scene.folder / "files"
    folder.mkdir()
    return small_files(docker, foundation_image, folder)


@pytest.fixture(scope="module")
def mounted(scene, small, foundation_image):
    return {foundation_image: scene.mount(small)}


@pytest.fixture(scope="module")
def weights(scene, docker, small, foundation_image):
    """All weights of the lines, in the store: the file of each by name."""
    folder = scene.folder / "weights"
    folder.mkdir()
    files = write_weights(docker, foundation_image, small, folder)
    for name, file in files.items():
        mirror_file(scene.store, name, file)
    return files


class Run:
    """A run that was played.

    Attributes:
        state: How it ended.
        tasks: Tasks that got a container, those of the cache left out.
        pods: The pod of each.
    """

    def __init__(self, scene, kfp, execution, package, name, pods):
        told = scene.python(
            "pipelines", "submit", scene.line(name), "--endpoint", kfp.endpoint, "--package", package, "--json"
        )  # fmt: skip
        run = json.loads(told)["run"]
        execution.play(run)
        self.state = kfp.runs[run]["state"]
        self.tasks = [pod.task for pod in execution.pods[run]]
        self.pods = {task: pods.ended[task] for task in pods.ended if task in self.tasks}

    @property
    def sent(self):
        """Bytes that the store sent to the tasks that read weights."""
        return sum(self.pods[task].sent for task in WITH_WEIGHTS)


@pytest.fixture(scope="module")
def pods(scene, mounted):
    """Pods of the pipeline that keeps weights on a volume."""
    package = scene.compiled("--weights-claim", "csad-weights")
    return scene.pods(package, files=mounted)


@pytest.fixture(scope="module")
def runs(scene, weights, pods, tiny_line_data):
    """The first line, a second one, and the first once more."""
    whole = REST if os.environ.get("CSAD_TEST_WHOLE_LINE") == "1" else ()
    package = scene.compiled("--weights-claim", "csad-weights")
    with KfpServer() as kfp:
        execution = Execution(kfp, pods.bodies((*IN_PODS, *whole)))
        for name in ("first", "second"):
            push_dataset(scene.store, tiny_line_data, name)
        played = [Run(scene, kfp, execution, package, name, pods) for name in ("first", "second", "first")]
        assert kfp.violations == []
    return played


def whole_size(weights):
    return sum(file.stat().st_size for file in weights.values())


def test_a_line_runs_on_weights_of_the_store(runs, weights, pods):
    first = runs[0]

    assert first.state == "SUCCEEDED"
    tags = json.loads(pods.read(f"/minio/{first.pods['tagging'].name}/tags/tags.json"))
    assert sorted(tags["prompts"]) == sorted(TAGS)
    assert "in 10 images (foundation: coarse)" in first.pods["masks"].log
    assert "components in" in first.pods["clustering"].log
    for name in weights:
        task = "tagging" if name.startswith("ram") else "masks"
        assert f"weights {name}: fetched in" in first.pods[task].log
    assert whole_size(weights) <= first.sent < 1.02 * whole_size(weights)


def test_a_second_line_fetches_no_weights_again(runs, weights):
    first, second = runs[:2]
    sizes = (size / 1e6 for size in (whole_size(weights), first.sent, second.sent))
    print(
        "\nweights {:.2f} MB; the store sent {:.2f} MB to the first line's tasks, {:.2f} MB to the second's".format(
            *sizes
        )
    )

    assert second.state == "SUCCEEDED"
    assert set(WITH_WEIGHTS) <= set(second.tasks)
    assert not any("fetching" in second.pods[task].log for task in WITH_WEIGHTS)
    assert second.sent < 0.02 * whole_size(weights)


def test_the_volume_holds_each_file_once_and_whole(runs, weights, pods):
    kept = pods.shell("cd /weights && sha256sum *")
    digests = {name: digest for digest, name in (line.split() for line in kept.splitlines())}
    files = {name: digest for name, digest in digests.items() if not name.endswith(".lock")}

    assert files == {digest: digest for digest in (sha256(file.read_bytes()) for file in weights.values())}


def test_a_run_of_the_same_line_takes_its_stages_from_the_cache(runs):
    again = runs[2]

    assert again.state == "SUCCEEDED"
    assert not set(again.tasks) & {*WITH_WEIGHTS, "clustering"}


LARGE = "groundingdino_swint_ogc"


def forget(pods, file):
    """Take a file from the volume, as on a node that has not seen it yet; its name there and its size."""
    digest = sha256(file.read_bytes())
    pods.shell(f"rm /weights/{digest}")
    return digest, file.stat().st_size


def test_two_pods_at_once_fetch_a_file_once(runs, weights, pods, scene):
    _, size = forget(pods, weights[LARGE])
    before = scene.counted.sent

    started = [pods.start("masks", *pods.asked["masks"]) for _ in range(2)]
    ended = [pods.end(name) for name in started]

    assert [pod.exit_code for pod in ended] == [0, 0]
    assert sum(f"weights {LARGE}: fetched in" in pod.log for pod in ended) == 1
    assert scene.counted.sent - before < 1.02 * size


def test_the_next_pod_goes_on_where_one_was_killed(runs, weights, pods, scene):
    digest, size = forget(pods, weights[LARGE])
    before, scene.counted.pause = scene.counted.sent, 0.02
    killed = pods.start("masks", *pods.asked["masks"])
    deadline = time.monotonic() + 120
    while int(pods.shell(f"stat -c %s /weights/{digest}.partial 2> /dev/null || echo 0")) < size // 4:
        assert time.monotonic() < deadline, "no pod has begun to fetch"
        time.sleep(0.2)
    pods.kill(killed)
    scene.counted.pause = 0.0

    ended = pods.end(pods.start("masks", *pods.asked["masks"]))

    assert ended.exit_code == 0
    assert re.search(rf"weights {LARGE}: fetching [\d.]+ MB, [\d.]+ MB are here", ended.log)
    assert scene.counted.sent - before < 1.2 * size


@pytest.fixture(scope="module")
def without_volume(scene, mounted):
    package = scene.compiled()
    return scene.pods(package, files=mounted)


def test_a_file_that_changed_in_the_store_is_refused_with_both_digests(runs, weights, pods, scene, without_volume):
    name = "ram_plus_swin_large_14m"
    content = weights[name].read_bytes()
    other = content[:-1] + bytes([content[-1] ^ 1])
    scene.store.put_bytes(f"weights/{name}/{sha256(content)}", other)

    ended = without_volume.run("tagging", *pods.asked["tagging"])

    assert ended.exit_code == 1
    assert (
        f"Error: tagging: weights {name} changed in the store: the sha256 is {sha256(other)}, "
        f"expected {sha256(content)}"
    ) in ended.log


def test_a_file_that_left_the_store_is_named_with_the_command_that_brings_it(runs, pods, scene, without_volume):
    name = f"sam_hq_{SAM}"
    scene.store.delete(list(scene.store.list(f"weights/{name}/")))

    ended = without_volume.run("masks", *pods.asked["masks"])

    assert ended.exit_code == 1
    assert f"Error: masks: the store has no weights {name}; put them there with `csad weights sync {name}`" in ended.log


def test_a_store_without_weights_stops_the_run_before_any_other_task(scene, weights, mounted, tiny_line_data):
    empty = replace(scene.settings, bucket="without-weights")
    scene.secret("without-weights", empty)
    push_dataset(ObjectStore.connect(empty), tiny_line_data, "third")
    given = {"line_yaml": scene.line("third").read_text(), "data_uri": "store://third", "seed": 0, "force": False}
    package = scene.compiled()
    pods = scene.pods(package, parameters={"store_secret": "without-weights"})

    ended = pods.run("ingest", given, {})

    assert ended.exit_code == 1
    names = " ".join(["ram_plus_swin_large_14m", f"sam_hq_{SAM}", "groundingdino_swint_ogc", "bert_config"])
    assert f"`csad weights sync {names} bert_vocabulary bert_model`" in ended.log
