"""A whole new branch is one file: nothing else of csad knows it."""

import importlib.util
import shutil
import sys

import numpy as np
import pytest

from csad.common.errors import ModelFolderError
from csad.images import read_rgb, scan
from csad.scoring.branches.registry import unregister
from csad.scoring.model_folder import read_manifest
from csad.scoring.scorer import Scorer
from csad.stages import evaluation
from csad.stages.training import train

FILE = '''
from dataclasses import dataclass

import torch
from torch.nn import functional

from csad.scoring.branches import Branch, Explanation, register


@register
@dataclass(frozen=True)
class Brightness(Branch):
    """How far each of 4 x 4 cells is from its usual brightness."""

    kind, scores, group = "brightness", ("brightness",), "light"
    usual: torch.Tensor

    @classmethod
    def fit(cls, training):
        cells = [cells_of(batch) for batch in training.images.batches(8)]
        return cls(torch.cat(cells).mean(dim=0))

    def forward(self, batch):
        return {"brightness": (cells_of(batch.images) - self.usual).abs()}

    def columns(self, outputs):
        return {"brightness@max": outputs["brightness"].flatten(1).amax(dim=1).double()}

    def maps(self, outputs):
        return {"brightness": outputs["brightness"]}

    def explain(self, outputs, index):
        return Explanation(("the light is off",) if outputs["brightness"][index].max() > 0.2 else ())

    def to(self, device):
        return Brightness(self.usual.to(device))

    def tensors(self):
        return {"usual": self.usual}

    @classmethod
    def from_tensors(cls, tensors, loading):
        return cls(tensors["usual"])


def cells_of(images):
    return functional.adaptive_avg_pool2d(images.mean(dim=1), 4)
'''


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The branch, registered by importing its file."""
    path = tmp_path_factory.mktemp("branch") / "brightness.py"
    path.write_text(FILE)
    spec = importlib.util.spec_from_file_location("brightness", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["brightness"] = module
    spec.loader.exec_module(module)
    yield path
    unregister("brightness")
    del sys.modules["brightness"]


@pytest.fixture(scope="module")
def model(tiny_line, tiny_line_data, tiny_model, file, tmp_path_factory):
    """The tiny line again; only what depends on the branch has to run."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    shutil.copytree(f"{tiny_model}.stages", f"{folder}.stages", symlinks=True)
    return train(tiny_line, tiny_line_data, folder, seed=3, evaluate=True)


def test_it_is_fitted_calibrated_and_fused(model, tiny_model):
    manifest, before = read_manifest(model.model), read_manifest(tiny_model)

    assert set(manifest.fusion.branches) - set(before.fusion.branches) == {"brightness"}
    assert set(manifest.fusion.columns) - set(before.fusion.columns) == {"brightness@max"}
    assert set(manifest.map_scale) - set(before.map_scale) == {"brightness"}
    assert 0 < manifest.fusion.weights["brightness"] <= 1
    assert manifest.threshold.images == 5, "it saw all training images, so only the 5 others calibrate"


def test_it_is_stored(model):
    assert "brightness" in read_manifest(model.model).branches
    assert (model.model / "brightness.safetensors").is_file()


def test_it_is_loaded_and_scores_and_explains(model, tiny_line, tiny_line_data):
    scorer = Scorer.load(model.model)
    image = read_rgb(scan(tiny_line_data, tiny_line).test[0].path)

    lit, dark = scorer.score_batch([image, image // 2])

    assert dark.branches["brightness"] > 10 * max(1, lit.branches["brightness"])
    assert dark.branches["light"] > lit.branches["light"], "its group"
    assert dark.value > lit.value
    assert "the light is off" in dark.explanations
    assert "the light is off" not in lit.explanations
    assert np.isfinite(dark.map).all()
    assert dark.map.mean() > lit.map.mean()


def test_it_is_evaluated_beside_the_others(model):
    assert ">brightness<" in (model.report.parent / evaluation.REPORT).read_text(encoding="utf-8")


def test_another_text_of_its_file_is_another_result(model, file, tiny_line, tiny_line_data, caplog):
    file.write_text(FILE + "# changed")
    with caplog.at_level("INFO"):
        train(tiny_line, tiny_line_data, model.model, seed=3)

    reused = {message.split(":")[0] for message in caplog.messages if "unchanged, reused" in message}
    assert reused == {"ingest", "tagging", "masks", "clustering", "segnet", "lgst"}


def test_where_its_file_is_missing_the_model_is_refused(model):
    known = sys.modules["brightness"].Brightness
    unregister("brightness")
    try:
        with pytest.raises(ModelFolderError, match="the model has a branch brightness, which is unknown here"):
            Scorer.load(model.model)
    finally:
        sys.modules["brightness"].register(known)
