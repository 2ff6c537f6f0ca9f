import pytest
import torch
from torch import nn
from torch.nn import functional as F

from csad.common.errors import DatasetError, ModelFolderError
from csad.lgst.teacher import Teacher, orthogonal_projection

from .toy import ToyBackbone, fit_teacher, toy_images


class FixedStages(nn.Module):
    """A backbone whose stages are given."""

    def __init__(self, second: torch.Tensor, third: torch.Tensor) -> None:
        super().__init__()
        self.stages = [torch.empty(0), second, third, torch.empty(0)]
        self.channels = (0, second.shape[1], third.shape[1], 0)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        return self.stages


def plain_teacher(backbone, projection=None, grid=None):
    width = backbone.channels[1] + backbone.channels[2] if projection is None else len(projection)
    return Teacher(backbone, torch.zeros(width), torch.ones(width), projection, grid)


def test_projecting_before_resizing_equals_projecting_after():
    backbone = ToyBackbone()
    image = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    projection = orthogonal_projection(16, 5, seed=3)
    grid = (12, 20)

    _, second, third, _ = backbone(image)
    both = torch.cat([F.interpolate(stage, grid, mode="bilinear") for stage in (second, third)], dim=1)
    averaged = F.avg_pool2d(both, 3, stride=1, padding=1, count_include_pad=False)
    expected = torch.einsum("oc,bchw->bohw", projection, averaged)

    torch.testing.assert_close(plain_teacher(backbone, projection, grid)(image), expected, atol=1e-5, rtol=1e-5)


def test_features_are_averaged_over_three_by_three_cells_that_exist():
    second = torch.zeros(1, 1, 4, 4)
    second[0, 0, 1, 1] = 36.0
    teacher = plain_teacher(FixedStages(second, torch.zeros(1, 1, 2, 2)))

    features = teacher(torch.zeros(1, 3, 32, 32))[0, 0]

    # Inner cells average nine neighbours, edges six, the corner four.
    assert features.tolist() == [[9, 6, 6, 0], [6, 4, 4, 0], [6, 4, 4, 0], [0, 0, 0, 0]]


def test_the_default_grid_has_a_cell_per_eight_pixels_and_any_other_can_be_asked_for():
    backbone = ToyBackbone()
    image = torch.zeros(1, 3, 64, 128)

    assert plain_teacher(backbone)(image).shape == (1, 16, 8, 16)
    assert plain_teacher(backbone, grid=(5, 7))(image).shape == (1, 16, 5, 7)


def test_every_channel_of_the_training_images_gets_mean_zero_and_deviation_one():
    images = torch.stack(toy_images(7, seed=0))
    teacher = fit_teacher(ToyBackbone(), images.split(3), channels=512, seed=0)

    features = teacher(images).transpose(0, 1).flatten(1)

    assert teacher.channels == 16
    torch.testing.assert_close(features.mean(dim=1), torch.zeros(16), atol=1e-4, rtol=0)
    torch.testing.assert_close(features.std(dim=1, correction=0), torch.ones(16), atol=1e-4, rtol=0)


def test_the_statistics_do_not_depend_on_the_batches():
    images = torch.stack(toy_images(7, seed=0))
    one_pass = fit_teacher(ToyBackbone(), [images], channels=4, seed=0)
    one_by_one = fit_teacher(ToyBackbone(), images.split(1), channels=4, seed=0)

    torch.testing.assert_close(one_pass.mean, one_by_one.mean)
    torch.testing.assert_close(one_pass.std, one_by_one.std)


def test_a_dead_channel_is_not_blown_up():
    second = torch.tensor([0.0, 2.0]).repeat(8).reshape(1, 1, 4, 4)
    backbone = FixedStages(second, torch.zeros(1, 1, 2, 2))
    teacher = fit_teacher(backbone, [torch.zeros(1, 3, 32, 32)], channels=8, seed=0)

    assert teacher.std[1] == pytest.approx(0.01 * float(teacher.std[0]) / 2, rel=1e-5)


def test_constant_features_give_a_deviation_of_one():
    backbone = FixedStages(torch.ones(1, 2, 4, 4), torch.ones(1, 1, 2, 2))

    assert fit_teacher(backbone, [torch.zeros(1, 3, 32, 32)], channels=8, seed=0).std.tolist() == [1, 1, 1]


def test_the_projection_has_orthonormal_rows_and_follows_its_seed():
    projection = orthogonal_projection(20, 6, seed=5)

    torch.testing.assert_close(projection @ projection.T, torch.eye(6), atol=1e-5, rtol=0)
    assert torch.equal(projection, orthogonal_projection(20, 6, seed=5))
    assert not torch.equal(projection, orthogonal_projection(20, 6, seed=6))


@pytest.mark.parametrize(("channels", "grid"), [(4, None), (512, (6, 6))])
def test_a_saved_teacher_gives_the_same_features(channels, grid):
    images = torch.stack(toy_images(3, seed=0))
    teacher = fit_teacher(ToyBackbone(), [images], channels, seed=0, grid=grid)

    restored = Teacher.from_tensors(ToyBackbone(), teacher.tensors())

    assert torch.equal(restored(images), teacher(images))


def test_no_training_image_is_an_error_that_says_what_to_do():
    with pytest.raises(DatasetError, match=r"Found 0 training images.*Add normal images"):
        fit_teacher(ToyBackbone(), [], channels=4, seed=0)


def test_a_teacher_of_another_backbone_is_refused():
    tensors = {"mean": torch.zeros(99), "std": torch.ones(99)}

    with pytest.raises(ModelFolderError, match="fitted on 99 backbone channels, this backbone has 16"):
        Teacher.from_tensors(ToyBackbone(), tensors)


def test_a_teacher_without_statistics_is_refused():
    with pytest.raises(ModelFolderError, match="lacks mean, std"):
        Teacher.from_tensors(ToyBackbone(), {})
