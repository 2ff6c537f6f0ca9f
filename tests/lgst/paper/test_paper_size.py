"""The published shapes: WideResNet-50 (random weights), 256 x 256, features [512, 56, 56], a PDN of width 128."""

import pytest
import torch

from csad.config.line import ProductLine
from csad.features.backbone import Backbone
from csad.lgst.paper.students import StudentArchitecture, Students
from csad.lgst.paper.training import StudentTraining
from tests.lgst.toy import fit_teacher

LGST = ProductLine(name="kit", method="paper").lgst


@pytest.fixture(scope="module")
def teacher():
    backbone = Backbone("wide_resnet50_2.tv2_in1k", stages=3)
    images = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    return fit_teacher(backbone, [images], LGST.channels, seed=0, grid=LGST.grid)


def test_the_teacher_gives_512_channels_on_56_by_56_cells(teacher):
    assert teacher.backbone.channels == (256, 512, 1024)
    assert teacher(torch.rand(1, 3, 256, 256)).shape == (1, 512, 56, 56)


def test_the_students_are_trained_as_published():
    training = StudentTraining.of(LGST)
    assert (training.steps, training.batch, training.learning_rate) == (60_000, 2, 2e-4)
    assert (training.width, training.design, training.window, training.average) == (128, "heads", 256, 0.0)
    assert training.penalty == "packaged"


def test_the_local_student_has_two_heads_on_256_channels_and_all_maps_lie_on_the_teachers_grid():
    training = StudentTraining.of(LGST)
    students = Students(
        StudentArchitecture(512, (256, 256), (56, 56), training.width, training.bottleneck, training.design)
    ).eval()
    first = students.local.body[0]
    assert (first.in_channels, first.out_channels) == (3, 128)
    for head in (students.local.teacher_head, students.local.global_head):
        assert (head.in_channels, head.out_channels, head.kernel_size) == (256, 512, (1, 1))
    maps = students.maps(torch.rand(1, 3, 256, 256), torch.rand(1, 512, 56, 56))
    assert maps.local.shape == maps.second_head.shape == (1, 56, 56)
