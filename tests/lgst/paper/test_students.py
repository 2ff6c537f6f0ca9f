import pytest
import torch
from safetensors.torch import load, save

from csad.common.errors import ModelFolderError
from csad.lgst.paper.students import StudentArchitecture, Students, squared_difference

ARCHITECTURE = StudentArchitecture(channels=5, canvas=(64, 96), grid=(8, 12), width=4, bottleneck=3)


def students(**changes):
    torch.manual_seed(0)
    return Students(StudentArchitecture(**{**vars(ARCHITECTURE), **changes}))


def test_maps_average_squared_differences_over_channels():
    first = torch.tensor([1.0, 5.0]).reshape(1, 2, 1, 1)
    second = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)

    assert squared_difference(first, second).tolist() == [[[2.5]]]


@pytest.mark.parametrize("grid", [(8, 12), (16, 24), (5, 9)])
def test_three_maps_cover_the_teachers_grid(grid):
    image, target = torch.rand(2, 3, 64, 96), torch.zeros(2, 5, *grid)

    maps = students(grid=grid).maps(image, target)

    assert maps.local.shape == maps.global_student.shape == maps.second_head.shape == (2, *grid)


def test_each_map_compares_the_pair_that_it_is_named_for():
    network = students()
    image, target = torch.rand(1, 3, 64, 96), torch.randn(1, 5, 8, 12)
    patches, predicted = network.local(image), network.autoencoder(image)

    maps = network.maps(image, target)

    torch.testing.assert_close(maps.local, (target - patches.teacher).square().mean(dim=1))
    torch.testing.assert_close(maps.global_student, (target - predicted).square().mean(dim=1))
    torch.testing.assert_close(maps.second_head, (predicted - patches.global_student).square().mean(dim=1))


def test_a_missing_student_has_no_maps():
    image, target = torch.rand(1, 3, 64, 96), torch.zeros(1, 5, 8, 12)

    only_local = students(bottleneck=0).maps(image, target)
    only_global = students(width=0).maps(image, target)

    assert only_local.global_student is only_local.second_head is None
    assert only_global.local is only_global.second_head is None
    assert only_local.local.shape == only_global.global_student.shape == (1, 8, 12)


def test_no_student_at_all_is_refused():
    with pytest.raises(ValueError, match="no student"):
        students(width=0, bottleneck=0)


@pytest.mark.parametrize("changes", [{}, {"width": 0}, {"bottleneck": 0}])
def test_saved_students_give_the_same_maps(changes):
    network = students(**changes)
    image, target = torch.rand(1, 3, 64, 96), torch.zeros(1, 5, 8, 12)

    restored = Students.from_tensors(load(save(network.tensors())))

    assert restored.architecture == network.architecture
    assert not any(parameter.requires_grad for parameter in restored.parameters())
    assert torch.equal(restored.maps(image, target).average(), network.maps(image, target).average())


def test_incomplete_tensors_are_refused():
    tensors = students().tensors()
    del tensors["local.teacher_head.bias"]

    with pytest.raises(ModelFolderError, match=r"local\.teacher_head\.bias"):
        Students.from_tensors(tensors)
    with pytest.raises(ModelFolderError, match="lack their architecture"):
        Students.from_tensors({})
