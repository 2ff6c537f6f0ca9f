import torch

from csad.lgst.paper.penalty import penalty_images, random_texture, recolour, shuffle_cells
from tests.lgst.toy import toy_images


def generator(seed):
    return torch.Generator().manual_seed(seed)


def test_penalty_images_have_the_size_asked_for_and_follow_their_generator():
    images = torch.stack(toy_images(3, seed=0, height=64, width=96))

    made = penalty_images(images, (57, 41), generator(1))

    assert made.shape == (3, 3, 57, 41)
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1
    assert torch.equal(made, penalty_images(images, (57, 41), generator(1)))
    assert not torch.equal(made, penalty_images(images, (57, 41), generator(2)))


def test_no_patch_of_a_penalty_image_is_like_a_patch_of_the_product():
    image = toy_images(1, seed=0)[0]
    made = penalty_images(image.expand(20, -1, -1, -1), (64, 64), generator(1))

    product = image.unfold(1, 33, 8).unfold(2, 33, 8).permute(1, 2, 0, 3, 4).flatten(0, 1).flatten(1)
    patches = made.unfold(2, 33, 8).unfold(3, 33, 8).permute(0, 2, 3, 1, 4, 5).flatten(0, 2).flatten(1)
    within = torch.cdist(product, product).fill_diagonal_(torch.inf).amin(dim=1).median()

    assert torch.cdist(patches, product).amin() > within


def test_shuffling_moves_cells_and_keeps_their_content():
    image = torch.arange(16.0).reshape(1, 4, 4).expand(3, 4, 4)

    shuffled = shuffle_cells(image, 2, generator(0))

    cells = {tuple(cell.flatten().tolist()) for cell in shuffled[0].unfold(0, 2, 2).unfold(1, 2, 2).flatten(0, 1)}
    assert cells == {(0, 1, 4, 5), (2, 3, 6, 7), (8, 9, 12, 13), (10, 11, 14, 15)}
    assert not torch.equal(shuffled, image)


def test_shuffling_keeps_the_size_where_cells_do_not_fit():
    assert shuffle_cells(torch.rand(3, 41, 57), 16, generator(0)).shape == (3, 41, 57)


def test_recolouring_changes_the_colour_of_most_draws():
    red = torch.tensor([0.9, 0.1, 0.1]).reshape(3, 1, 1)

    changes = [float((recolour(red, generator(seed)) - red).abs().max()) for seed in range(20)]

    assert sorted(changes)[4] > 0.1


def test_a_texture_fills_its_range():
    texture = random_texture((40, 56), generator(0))

    assert texture.shape == (3, 40, 56)
    assert float(texture.min()) == 0
    assert float(texture.max()) == 1
