"""The containers of a compiled pipeline as pods of a real cluster, as KFP's driver and launcher run them.

Image, command, arguments, environment, requests, secrets and volumes are the compiled pipeline's. KFP's launcher copies
artifacts between a bucket and /minio; here a volume at /minio takes the place of both. Every pod has another user.
"""

import json
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.services.kfp_execution import Done, TaskFailed

MINUTES = 8
ARTIFACTS = "/minio"


@dataclass(frozen=True)
class Ended:
    """A pod that ended.

    Attributes:
        name: Its name; artifacts of the task lie at minio://NAME/.
        exit_code: Exit status of the container.
        log: What the container said.
        sent: Bytes that the store sent since it began, to whomever.
    """

    name: str
    exit_code: int
    log: str
    sent: int = 0


@dataclass
class TaskPods:
    """Runs tasks of a pipeline.

    Attributes:
        cluster: Where.
        namespace: Namespace of the pods.
        pipeline: The compiled pipeline.
        claim: PersistentVolumeClaim that takes the place of the bucket of artifacts.
        sent: Says how many bytes the store has sent so far.
        parameters: Parameters of the run that pods read, beside the pipeline's defaults.
        files: Files mounted over those of an image: image -> path -> key of the ConfigMap `files`.
        ended: The last pod of each task.
        asked: What the driver gave it: parameters and artifacts.
    """

    cluster: object
    namespace: str
    pipeline: object
    claim: str
    sent: Callable[[], int]
    parameters: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    ended: dict = field(default_factory=dict)
    asked: dict = field(default_factory=dict)

    def bodies(self, tasks):
        """What `Execution` calls for these tasks."""
        return {task: lambda given, artifacts, task=task: self._body(task, given, artifacts) for task in tasks}

    def run(self, task, given, artifacts):
        """Make the pod of a task and wait for its end."""
        self.asked[task] = given, artifacts
        before = self.sent()
        ended = self.end(self.start(task, given, artifacts))
        self.ended[task] = replace(ended, sent=self.sent() - before)
        return self.ended[task]

    def start(self, task, given, artifacts):
        """Make the pod of a task; its name."""
        name = f"{task}-{secrets.token_hex(4)}"
        text = json.dumps(self._pod(name, task, given, artifacts))
        self.cluster.kubectl("-n", self.namespace, "create", "--filename", "-", text=text)
        return name

    def end(self, name):
        """Wait for the end of a pod."""
        status = self._wait(name)
        log = self.cluster.kubectl("-n", self.namespace, "logs", name)
        code = status["containerStatuses"][0]["state"]["terminated"]["exitCode"]
        return Ended(name, code, log)

    def kill(self, name):
        """Take a pod away; its container is dead when this returns."""
        self.cluster.kubectl("-n", self.namespace, "delete", "pod", name, "--grace-period=1")

    def read(self, path):
        """A file of the volumes, through the pod `keeper`."""
        return self.shell(f"cat {path}")

    def shell(self, command):
        """A command in the pod `keeper`, which is root and has the volumes."""
        return self.cluster.kubectl("-n", self.namespace, "exec", "keeper", "--", "sh", "-c", command)

    def _body(self, task, given, artifacts):
        ended = self.run(task, given, artifacts)
        if ended.exit_code:
            print(ended.log)
            raise TaskFailed(task)
        # A launcher would have copied what the task wrote, and the next user reads a copy of its own.
        self.shell(f"chmod -R a+rX {ARTIFACTS}/{ended.name}")
        told = json.loads(self.read(f"{ARTIFACTS}/{ended.name}/outputs.json"))
        return Done(told.get("parameterValues", {}), artifacts=self._outputs(task, ended.name))

    def _outputs(self, task, pod):
        made = self._component(task).get("outputDefinitions", {}).get("artifacts", {})
        return {name: f"minio://{pod}/{name}" for name in made}

    def _component(self, task):
        return self.pipeline.specification["components"][f"comp-{task}"]

    def _input(self, pod, task, given, artifacts):
        """The executor input, as the driver writes it."""
        made = self._component(task).get("outputDefinitions", {}).get("artifacts", {})
        kinds = {name: about["artifactType"]["schemaTitle"] for name, about in made.items()}
        return {
            "inputs": {
                "parameterValues": dict(given),
                "artifacts": {
                    name: {"artifacts": [_artifact(name, uri) for uri in (uris if isinstance(uris, list) else [uris])]}
                    for name, uris in artifacts.items()
                },
            },
            "outputs": {
                "artifacts": {
                    name: {"artifacts": [_artifact(name, uri, kinds[name])]}
                    for name, uri in self._outputs(task, pod).items()
                },
                "outputFile": f"{ARTIFACTS}/{pod}/outputs.json",
            },
        }

    def _pod(self, name, task, given, artifacts):
        container = self.pipeline.container(task)
        wishes = self.pipeline.wishes[f"exec-{task}"]
        text = json.dumps(self._input(name, task, given, artifacts))
        volumes = [{"name": "artifacts", "persistentVolumeClaim": {"claimName": self.claim}}]
        mounts = [{"name": "artifacts", "mountPath": ARTIFACTS}]
        for wish in wishes.get("emptyDirMounts", []):
            kind = {"medium": wish["medium"], "sizeLimit": wish["sizeLimit"]}
            volumes.append({"name": wish["volumeName"], "emptyDir": kind})
            mounts.append({"name": wish["volumeName"], "mountPath": wish["mountPath"]})
        for wish in wishes.get("pvcMount", []):
            claim = self._value(wish["pvcNameParameter"])
            volumes.append({"name": claim, "persistentVolumeClaim": {"claimName": claim}})
            mounts.append({"name": claim, "mountPath": wish["mountPath"]})
        files = self.files.get(container["image"], {})
        if files:
            volumes.append({"name": "files", "configMap": {"name": "files"}})
            mounts += [{"name": "files", "mountPath": path, "subPath": key} for path, key in files.items()]
        asked = container["resources"]
        main = {
            "name": "main",
            "image": container["image"],
            "imagePullPolicy": "Never",
            "command": container["command"],
            "args": [part.replace("{{$}}", text) for part in container["args"]],
            "env": [*container["env"], *self._secrets(wishes)],
            "resources": {
                "requests": {"cpu": asked["resourceCpuRequest"], "memory": asked["resourceMemoryRequest"]},
                "limits": {"cpu": asked["resourceCpuLimit"], "memory": asked["resourceMemoryLimit"]},
            },
            "volumeMounts": mounts,
            "securityContext": {
                "runAsUser": random.randrange(100_000, 1_000_000),
                "runAsNonRoot": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        specification = {
            "restartPolicy": "Never",
            "dnsPolicy": "Default",
            "activeDeadlineSeconds": int(wishes["activeDeadlineSeconds"]),
            "containers": [main],
            "volumes": volumes,
        }
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": specification}

    def _secrets(self, wishes):
        for wish in wishes.get("secretAsEnv", []):
            secret = {"name": self._value(wish["secretNameParameter"]), "optional": wish.get("optional", False)}
            for one in wish["keyToEnv"]:
                key = {"secretKeyRef": {**secret, "key": one["secretKey"]}}
                yield {"name": one["envVar"], "valueFrom": key}

    def _value(self, wish):
        """What a wish of the pipeline means in this run."""
        if "runtimeValue" in wish:
            return wish["runtimeValue"]["constant"]
        name = wish["componentInputParameter"].removeprefix("pipelinechannel--")
        return self.parameters.get(name) or self.pipeline.parameters[name]["defaultValue"]

    def _wait(self, name):
        deadline = time.monotonic() + 60 * MINUTES
        while time.monotonic() < deadline:
            status = json.loads(self.cluster.kubectl("-n", self.namespace, "get", "pod", name, "-o", "json"))["status"]
            if status["phase"] in ("Succeeded", "Failed"):
                return status
            time.sleep(1)
        of_pod = ("--field-selector", f"involvedObject.name={name}")
        events = self.cluster.kubectl("-n", self.namespace, "get", "events", *of_pod)
        raise AssertionError(f"{name} did not end within {MINUTES} minutes: {status}\n{events}")


def _artifact(name, uri, kind="system.Artifact"):
    return {"name": name, "uri": uri, "type": {"schemaTitle": kind, "schemaVersion": "0.0.1"}, "metadata": {}}
