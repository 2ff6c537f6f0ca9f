"""Runs the masks in two tasks and the clustering behind them: line, images, tags and the folder for the artifacts."""

import sys

from kfp import dsl, local

from components.clustering import clustering
from components.masks import masks

line, images, tags, root = sys.argv[1:]


@dsl.component(base_image="none", packages_to_install=[], install_kfp_package=False)
def finished(source: str, folder: dsl.Output[dsl.Dataset]):
    folder.path = source


@dsl.pipeline(name="shards")
def shards(line_yaml: str, images: str, tags: str, mask_shard_names: list):
    named = finished(source=tags).output
    with dsl.ParallelFor(mask_shard_names) as shard:
        proposed = masks(line_yaml=line_yaml, shard=shard, images=images, tags=named)
    together = dsl.Collected(proposed.outputs["masks"])
    clustering(line_yaml=line_yaml, seed=3, images=images, shards=together)


local.init(local.SubprocessRunner(use_venv=False), pipeline_root=root)
shards(line_yaml=line, images=images, tags=tags, mask_shard_names=["1/2", "2/2"])
