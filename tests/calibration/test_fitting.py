"""All branches are fitted in one pass over the training images, whatever they are."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch

from csad.calibration import fitting
from csad.calibration.fitting import fit_branches
from csad.lgst.copies import COPIES
from csad.scoring.branches import Branch
from csad.scoring.branches.observer import LeaveOneOut, Observer
from csad.scoring.branches.training import Training

IMAGES = 10


class Images:
    """Image n is n tenths everywhere."""

    def __len__(self):
        return IMAGES

    def batches(self, size, chosen=None):
        order = list(range(IMAGES) if chosen is None else chosen)
        for start in range(0, len(order), size):
            yield torch.stack([torch.full((3, 4, 4), index / 10) for index in order[start : start + size]])


@dataclass(frozen=True)
class Brightness(Branch):
    """The mean of an image; it remembers which groups were left out."""

    kind: ClassVar[str] = "brightness"
    scores: ClassVar[tuple[str, ...]] = ("brightness",)
    group: ClassVar[str] = "light"
    left_out: list = field(default_factory=list)

    @classmethod
    def fit(cls, training):
        return cls()

    def observer(self, training):
        return LeaveOneOut(self)

    def forward(self, batch):
        self.left_out.extend(batch.left_out or [])
        return {self.kind: batch.images.mean(dim=(1, 2, 3))}

    def columns(self, outputs):
        return {f"{self.kind}@mean": outputs[self.kind].double()}

    def to(self, device):
        return self

    def tensors(self):
        return {}

    @classmethod
    def from_tensors(cls, tensors, loading):
        return cls()


@dataclass(frozen=True)
class Counting(Brightness):
    """Counts the images and copies that it is shown, and cannot do without an image that it saw."""

    kind: ClassVar[str] = "counting"
    scores: ClassVar[tuple[str, ...]] = ("counting",)
    shown: int = 0
    copied: tuple[int, ...] = ()

    def observer(self, training):
        return Counter(self)


class Counter(Observer):
    copies = True

    def __init__(self, branch):
        super().__init__(branch)
        self.shown, self.copied = 0, []

    def add(self, outputs):
        self.shown += len(outputs["counting"])

    def add_copies(self, outputs, images):
        assert set(outputs) == {"counting"}, "the other branch needs no copies"
        self.copied += images

    def fitted(self):
        return replace(self.branch, shown=self.shown, copied=tuple(self.copied))


class Absent(Brightness):
    @classmethod
    def fit(cls, training):
        return None


def fit(monkeypatch, *branches, groups=tuple(range(IMAGES))):
    monkeypatch.setattr(fitting, "registered", lambda: branches)
    teacher = SimpleNamespace(mean=torch.zeros(1))
    types = np.zeros(IMAGES, np.int64)
    return fit_branches(Training(None, Images(), types, groups, None, teacher, None, None, {}, 0, "cpu"))


def test_a_branch_is_shown_every_training_image_once_without_what_it_holds_of_it(monkeypatch):
    fitted = fit(monkeypatch, Brightness, Absent)

    (branch,) = fitted.model.branches
    assert branch.left_out == list(range(IMAGES))
    assert fitted.out_of_fold["brightness@mean"] == pytest.approx(np.arange(IMAGES) / 10)


def test_copies_are_shown_to_those_that_learn_from_them(monkeypatch):
    fitted = fit(monkeypatch, Brightness, Counting)

    brightness, counting = fitted.model.branches
    assert (counting.shown, sorted(counting.copied)) == (IMAGES, sorted(COPIES * list(range(IMAGES))))
    assert len(brightness.left_out) == IMAGES


def test_where_one_branch_saw_all_training_images_they_cannot_calibrate(monkeypatch, caplog):
    with caplog.at_level("INFO"):
        fitted = fit(monkeypatch, Brightness, Counting)

    assert fitted.out_of_fold == {}
    assert "the validation images alone, for counting saw all training images" in caplog.text


def test_images_of_one_group_cannot_judge_each_other(monkeypatch):
    assert fit(monkeypatch, Brightness, groups=[7] * IMAGES).out_of_fold == {}
