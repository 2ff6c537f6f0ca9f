"""Prints the objects of an example line: `python -m csad.deployment.example`."""

import yaml

from csad.config.line import ProductLine
from csad.deployment.names import Slot
from csad.deployment.objects import DeploymentTarget, ServingObjects

HEAD = """\
# What `csad deploy` and the deployment component apply for a line named "bottles" with the default settings.
# Printed by `python -m csad.deployment.example` from csad/deployment/templates/*.yaml.
"""
VERSION = "20261124T101500Z-0123abcd"


def render() -> str:
    """All objects of the example, as one YAML file."""
    target = DeploymentTarget(ProductLine(name="bottles"), VERSION, image="registry.example/csad-serve:0.1.0")
    objects = ServingObjects(target, sha256="0" * 64, store_url="http://object-store:8333")
    manifests = [
        objects.network_policy(),
        objects.service(Slot.MAIN, selects=Slot.MAIN),
        objects.main(),
        objects.autoscaler(),
        objects.disruption_budget("policy/v1"),
        objects.service_monitor(),
    ]
    return HEAD + yaml.dump_all(manifests, Dumper=_Plain, sort_keys=False, explicit_start=True)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


if __name__ == "__main__":
    print(render(), end="")
