import pytest
import torch

from csad.lgst.maps import MapNormaliser
from csad.lgst.paper.mean_map import MeanMap, fit_mean_map
from csad.lgst.paper.networks import PatchDescriptionNetwork
from csad.lgst.paper.students import StudentArchitecture, StudentMaps, Students


def network(design):
    torch.manual_seed(0)
    return PatchDescriptionNetwork(channels=6, stride=8, width=4, design=design)


@pytest.mark.parametrize("design", ["heads", "double", "same"])
def test_both_outputs_have_the_teachers_width_on_the_grid(design):
    found = network(design)(torch.rand(2, 3, 64, 48))
    assert found.teacher.shape == found.global_student.shape == (2, 6, 8, 6)


def test_one_output_of_the_same_width_answers_for_both():
    found = network("same")(torch.rand(1, 3, 64, 64))
    assert found.teacher is found.global_student


def test_double_width_is_halved():
    student = network("double")
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        student.body[-1].weight[6:] = 0
        student.body[-1].bias[6:] = 3.0
        found = student(image)
    assert torch.equal(found.global_student, torch.full((1, 6, 8, 8), 3.0))
    assert not torch.equal(found.teacher, found.global_student)


@pytest.mark.parametrize("design", ["heads", "double", "same"])
def test_students_of_every_design_survive_storing(design):
    architecture = StudentArchitecture(6, (64, 64), (8, 8), width=4, bottleneck=5, design=design)
    students = Students(architecture).eval()
    again = Students.from_tensors(students.tensors())
    assert again.architecture == architecture
    image, target = torch.rand(1, 3, 64, 64), torch.rand(1, 6, 8, 8)
    assert torch.equal(students.maps(image, target).average(), again.maps(image, target).average())


def test_models_that_do_not_say_have_two_heads():
    old = torch.tensor([6, 64, 64, 8, 8, 4, 5])
    assert StudentArchitecture.from_tensor(old) == StudentArchitecture(6, (64, 64), (8, 8), 4, 5, "heads")


def test_the_mean_map_is_the_mean_of_both_normalised_maps():
    # low -> 0 and high -> .1: local (3 - 1) / (3 - 1) * .1 = .1, second (2 - 0) / (4 - 0) * .1 = .05; mean .075.
    mean = MeanMap(MapNormaliser(1.0, 3.0), MapNormaliser(0.0, 4.0))
    maps = StudentMaps(local=torch.full((1, 2, 2), 3.0), global_student=None, second_head=torch.full((1, 2, 2), 2.0))
    assert torch.allclose(mean(maps), torch.full((1, 2, 2), 0.075))
    again = MeanMap.from_tensors(mean.tensors())
    assert again == mean


def test_its_scales_are_the_quantiles_of_normal_maps():
    class Teacher:
        mean = torch.zeros(1)

        def __call__(self, images):
            return images

    class Known:
        """Cells 0..1 in thousandths; the second map is twice the first."""

        def maps(self, images, target):
            cells = torch.arange(1001).float()[None, None] / 1000
            return StudentMaps(local=cells, global_student=None, second_head=2 * cells)

    fitted = fit_mean_map(Known(), Teacher(), [torch.zeros(1, 3, 4, 4)], seed=0)
    assert (fitted.local.low, fitted.local.high) == (pytest.approx(0.9), pytest.approx(0.995))
    assert (fitted.second_head.low, fitted.second_head.high) == (pytest.approx(1.8), pytest.approx(1.99))
