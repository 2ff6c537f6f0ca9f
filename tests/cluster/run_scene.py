"""What an operator makes once for runs in pods: namespace, keys to the store, volumes; and a line to run there."""

import secrets

from csad.store.objects import ObjectStore
from tests.cluster.conftest import Cluster
from tests.cluster.small_networks import SAM
from tests.cluster.task_pods import TaskPods
from tests.pipelines.compiled import Compiled
from tests.weights.mirrored import Line

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
        """The keys to the store, through what counts its bytes."""
        port = self.counted.endpoint.rpartition(":")[2]
        self.cluster.make_store_secret(self.namespace, name, port, settings)

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

    def pods(self, package, **given):
        """What runs the tasks of a compiled pipeline here."""
        pipeline = Compiled(package.read_text())
        return TaskPods(self.cluster, self.namespace, pipeline, "artifacts", sent=lambda: self.counted.sent, **given)

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
