"""A deployer that dies: `killed.py STEP SECONDS NAMESPACE IMAGE LINE.yaml VERSION`.

It kills itself, as a node that loses its power would, SECONDS after the step begins.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from csad.config.line import ProductLine
from csad.deployment.cluster import Cluster
from csad.deployment.cluster_lease import LeaseTerms
from csad.deployment.deployment import DeploymentTarget, DeployTerms, Step, deploy
from csad.store.objects import ObjectStore
from csad.store.settings import StoreSettings

STEP, SECONDS, NAMESPACE, IMAGE, LINE, VERSION = sys.argv[1:]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def watch(step: Step) -> None:
    if step.value == STEP:
        if float(SECONDS):
            threading.Timer(float(SECONDS), die).start()
        else:
            die()


target = DeploymentTarget(ProductLine.from_file(Path(LINE)), VERSION, IMAGE, namespace=NAMESPACE, pull_policy="Never")
store = ObjectStore.connect(StoreSettings.from_environment())
deploy(target, store, Cluster.connect(NAMESPACE), DeployTerms(lease=LeaseTerms(seconds=6)), watch)
sys.exit(7)
