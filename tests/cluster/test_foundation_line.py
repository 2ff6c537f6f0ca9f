"""A line with foundation proposals in pods: its own image, its compiled commands, weights from the store over a volume.

The networks are the real ones, small, with random weights. KFP's server is the stand-in, which plays the pipeline; its
tasks are pods of a real cluster. CSAD_TEST_WHOLE_LINE=1 makes pods of the tasks behind `clustering`, too.
"""

import json
import os
import secrets
from dataclasses import replace

import pytest

from csad.store.embedded import EmbeddedStore
from csad.store.objects import ObjectStore
from csad.store.push import push_dataset
from tests.cluster.conftest import Cluster
from tests.cluster.small_networks import SAM, small_files, write_weights
from tests.cluster.task_pods import TaskPods
from tests.foundation.tiny_weights import TAGS
from tests.pipelines.compiled import Compiled
from tests.services.kfp_execution import Execution
from tests.services.kfp_server import KfpServer
from tests.weights.mirrored import Line, mirror_file, sha256

LINE = """
name: {name}
images: {{area: 32768}}
tags: {{images: 1}}
pseudo_labels:
  proposals: foundation
  mode: coarse
  foundation: {{sam: {sam}, minimum_region: 20}}
segmentation: {{steps: 60}}
lgst: {{coreset_size: 800}}
histogram: {{codebook_size: 16}}
"""
WITH_WEIGHTS = ("tagging", "masks")
IN_PODS = ("ingest", *WITH_WEIGHTS, "clustering")
REST = ("lgst", "segnet", "statistics", "evaluation", "release")
KEEPER = """
apiVersion: v1
kind: Pod
metadata: {{name: keeper}}
spec:
  terminationGracePeriodSeconds: 0
  dnsPolicy: Default
  containers:
  - name: main
    image: {image}
    imagePullPolicy: Never
    command: [sleep, "100000"]
    volumeMounts: [{{name: weights, mountPath: /weights}}, {{name: artifacts, mountPath: /minio}}]
  volumes:
  - {{name: weights, persistentVolumeClaim: {{claimName: csad-weights}}}}
  - {{name: artifacts, persistentVolumeClaim: {{claimName: artifacts}}}}
"""
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}}}
spec: {{accessModes: [ReadWriteMany], resources: {{requests: {{storage: 1Gi}}}}}}
"""


class Scene:
    """A namespace for runs, its store with the weights, and a line of bytes to it that are counted."""

    def __init__(self, cluster, images, settings, folder):
        self.cluster, self.images, self.folder = cluster, images, folder
        self.namespace = f"runs-{secrets.token_hex(4)}"
        self.settings = settings
        self.store = ObjectStore.connect(settings)
        self.counted = Line.to(settings)
        cluster.kubectl("create", "namespace", self.namespace)

    def make(self, base_image):
        """What an operator makes once, and a pod that looks into the volumes."""
        self.secret("csad-store", self.settings)
        for claim in ("csad-weights", "artifacts"):
            self.apply(CLAIM.format(name=claim))
        self.apply(KEEPER.format(image=base_image))
        self.cluster.kubectl(
            "-n", self.namespace, "wait", "pod", "keeper", "--for=condition=Ready", "--timeout=120s"
        )  # fmt: skip

    def apply(self, text):
        self.cluster.kubectl("-n", self.namespace, "apply", "--filename", "-", text=text)

    def secret(self, name, settings):
        """The keys to the store as manifests/store-secret names them, and a bucket of its own."""
        endpoint = self.counted.endpoint.replace("127.0.0.1", self.cluster.host)
        keys = {
            "endpoint": f"http://{endpoint}",
            "bucket": settings.bucket,
            "access_key": settings.access_key,
            "secret_key": settings.secret_key,
        }
        given = [f"--from-literal={key}={value}" for key, value in keys.items()]
        self.cluster.kubectl("-n", self.namespace, "create", "secret", "generic", name, *given)

    def mount(self, files):
        """Keep the files with small sizes in a ConfigMap."""
        given = [f"--from-file={file}" for file in files.values()]
        self.cluster.kubectl("-n", self.namespace, "create", "configmap", "files", *given)
        return {path: file.name for path, file in files.items()}

    def python(self, *command):
        """A command of ours beside the cluster."""
        images = {f"CSAD_{name.upper()}_IMAGE": image for name, image in self.images.items()}
        environment = {**self.cluster.environment, **images, "HOME": str(self.folder)}
        return Cluster(environment, self.cluster.host).run("python", "-m", *command).stdout

    def line(self, name):
        file = self.folder / f"{name}.yaml"
        file.write_text(LINE.format(name=name, sam=SAM))
        return file

    def compiled(self, *options):
        """The pipeline of such a line."""
        output = self.folder / f"compiled-{len(options)}"
        target = ("--cpu-only", "--small", "--no-deploy", *options)
        self.python("pipelines", "compile", "--line", self.line("any"), "--output", output, *target)
        return output / "training.yaml"


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
        pods: The last pod of each.
        sent: Bytes that the store sent meanwhile.
    """

    def __init__(self, scene, kfp, execution, package, name, pods):
        before = scene.counted.sent
        told = scene.python(
            "pipelines", "submit", scene.line(name), "--endpoint", kfp.endpoint, "--package", package, "--json"
        )  # fmt: skip
        run = json.loads(told)["run"]
        execution.play(run)
        self.state = kfp.runs[run]["state"]
        self.tasks = [pod.task for pod in execution.pods[run]]
        self.pods = {task: pods.ended[task] for task in pods.ended if task in self.tasks}
        self.sent = scene.counted.sent - before


@pytest.fixture(scope="module")
def pods(scene, mounted):
    """Pods of the pipeline that keeps weights on a volume."""
    package = scene.compiled("--weights-claim", "csad-weights")
    return TaskPods(scene.cluster, scene.namespace, Compiled(package.read_text()), "artifacts", files=mounted)


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
    second = runs[1]

    assert second.state == "SUCCEEDED"
    assert set(WITH_WEIGHTS) <= set(second.tasks)
    assert not any("fetching" in second.pods[task].log for task in WITH_WEIGHTS)
    assert second.sent < 0.02 * whole_size(weights)


def test_the_volume_holds_each_file_once_and_whole(runs, weights, pods, scene):
    listing = ("exec", "keeper", "--", "sh", "-c", "cd /weights && sha256sum *")
    kept = scene.cluster.kubectl("-n", scene.namespace, *listing)
    digests = {name: digest for digest, name in (line.split() for line in kept.splitlines())}
    files = {name: digest for name, digest in digests.items() if not name.endswith(".lock")}

    assert files == {digest: digest for digest in (sha256(file.read_bytes()) for file in weights.values())}


def test_a_run_of_the_same_line_takes_its_stages_from_the_cache(runs):
    again = runs[2]

    assert again.state == "SUCCEEDED"
    assert not set(again.tasks) & {*WITH_WEIGHTS, "clustering"}


@pytest.fixture(scope="module")
def without_volume(scene, mounted):
    package = scene.compiled()
    return TaskPods(scene.cluster, scene.namespace, Compiled(package.read_text()), "artifacts", files=mounted)


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
    pods = TaskPods(
        scene.cluster, scene.namespace, Compiled(package.read_text()), "artifacts",
        parameters={"store_secret": "without-weights"},
    )  # fmt: skip

    ended = pods.run("ingest", given, {})

    assert ended.exit_code == 1
    names = " ".join(["ram_plus_swin_large_14m", f"sam_hq_{SAM}", "groundingdino_swint_ogc", "bert_config"])
    assert f"`csad weights sync {names} bert_vocabulary bert_model`" in ended.log
