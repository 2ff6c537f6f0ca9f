import pytest
import torch

from csad.lgst.paper.networks import Autoencoder, PatchDescriptionNetwork, growing_grids, patch_stride


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_a_cell_of_the_local_student_sees_33_by_33_pixels_around_its_centre(stride):
    torch.manual_seed(0)
    network = PatchDescriptionNetwork(channels=2, stride=stride, width=8)
    image = torch.rand(1, 3, 128, 128, requires_grad=True)

    row, column = 64 // stride, 64 // stride
    network(image).teacher[0, :, row, column].sum().backward()

    seen = image.grad[0].abs().sum(dim=0) > 0
    rows, columns = seen.any(dim=1).nonzero().flatten(), seen.any(dim=0).nonzero().flatten()
    centre = 64 + (stride - 1) / 2
    for extent in (rows, columns):
        assert int(extent.max() - extent.min()) + 1 == 33
        assert abs(float(extent.max() + extent.min()) / 2 - centre) == 0.5


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_both_heads_cover_the_grid_of_a_canvas_that_is_not_square(stride):
    network = PatchDescriptionNetwork(channels=5, stride=stride, width=4)

    patches = network(torch.zeros(2, 3, 64, 96))

    assert patches.teacher.shape == patches.global_student.shape == (2, 5, 64 // stride, 96 // stride)


def test_part_of_the_padded_image_gives_the_same_part_of_the_map():
    torch.manual_seed(0)
    network = PatchDescriptionNetwork(channels=3, stride=8, width=4)
    image = torch.rand(1, 3, 64, 96)

    # Cells 2..4 by 5..8 see 25 pixels more than their 24 by 32.
    part = network.describe(network.pad(image)[..., 16 : 16 + 24 + 25, 40 : 40 + 32 + 25])

    torch.testing.assert_close(part.teacher, network(image).teacher[..., 2:5, 5:9], atol=1e-5, rtol=1e-4)


def test_a_stride_that_the_poolings_cannot_give_is_refused():
    with pytest.raises(ValueError, match="stride of 6"):
        PatchDescriptionNetwork(channels=3, stride=6, width=4)


@pytest.mark.parametrize(
    ("canvas", "grid"), [((64, 64), (8, 8)), ((32, 160), (4, 20)), ((96, 64), (7, 5)), ((64, 64), (16, 16))]
)
def test_the_autoencoder_predicts_any_grid_of_any_canvas_through_one_vector(canvas, grid):
    network = Autoencoder(channels=6, canvas=canvas, grid=grid, width=8, bottleneck=3)
    image = torch.zeros(2, 3, *canvas)

    assert network.encoder(image).shape == (2, 3, 1, 1)
    assert network(image).shape == (2, 6, *grid)


def test_the_autoencoder_sees_the_whole_image_from_every_cell():
    torch.manual_seed(0)
    network = Autoencoder(channels=2, canvas=(64, 96), grid=(8, 12), width=8, bottleneck=8)
    image = torch.rand(1, 3, 64, 96, requires_grad=True)

    network(image)[0, :, 0, 0].sum().backward()

    assert (image.grad[0, :, -8:, -8:].abs().sum() > 0).item()


def test_a_canvas_that_is_no_multiple_of_32_is_refused():
    with pytest.raises(ValueError, match="60x64"):
        Autoencoder(channels=2, canvas=(60, 64), grid=(8, 8), width=8, bottleneck=4)


def test_decoder_sizes_double_up_to_the_grid():
    assert growing_grids((32, 64)) == [(2, 4), (4, 8), (8, 16), (16, 32), (32, 64)]
    assert growing_grids((7, 5)) == [(4, 3), (7, 5)]
    assert growing_grids((1, 3)) == [(1, 3)]


def test_patches_are_as_sparse_as_the_grid_allows():
    assert patch_stride((256, 512), (32, 64)) == 8
    assert patch_stride((256, 512), (33, 64)) == 4
    assert patch_stride((256, 256), (16, 16)) == 16
    assert patch_stride((64, 64), (64, 64)) == 4
