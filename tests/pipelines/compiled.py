"""Compiled pipelines, taken apart."""

from pathlib import Path

import yaml

from pipelines.compiling import compile_pipeline

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "pipelines/compiled"
AROUND = ("ingest", "release", "promote")
"""Tasks of the training pipeline that are no stages."""
STAGES = ("masks", "clustering", "segnet", "lgst", "statistics", "evaluation")
"""The cached tasks of a line whose masks come from colour."""
BRANCH, LOOP = "condition-1", "for-loop-3"
"""How the compiler calls the groups of the training pipeline."""


def compiled(pipeline, folder, defaults=None):
    compile_pipeline(pipeline, folder / "pipeline.yaml", defaults)
    return (folder / "pipeline.yaml").read_text(encoding="utf-8")


class Compiled:
    """The pipeline's specification, and what it asks of Kubernetes per executor."""

    def __init__(self, text):
        self.specification, *platform = yaml.load_all(text, Loader=yaml.CSafeLoader)
        self.wishes = platform[0]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if platform else {}
        self.parameters = self.specification["root"]["inputDefinitions"]["parameters"]

    def tasks(self, component=None):
        owner = self.specification["components"][f"comp-{component}"] if component else self.specification["root"]
        return owner["dag"]["tasks"]

    def task(self, name):
        groups = [
            self.tasks(),
            *(part["dag"]["tasks"] for part in self.specification["components"].values() if "dag" in part),
        ]
        (found,) = [group[name] for group in groups if name in group]
        return found

    def container(self, task):
        return self.specification["deploymentSpec"]["executors"][f"exec-{task}"]["container"]

    @property
    def executors(self):
        return {name.removeprefix("exec-") for name in self.specification["deploymentSpec"]["executors"]}
