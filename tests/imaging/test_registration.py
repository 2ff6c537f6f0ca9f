import numpy as np
import pytest
from PIL import Image, ImageDraw

from csad.imaging.registration import Registration, fit_registration

GROUND = (205, 205, 205)


def hook(degrees=0.0, x=128, y=128, side=256, mark=None):
    """A dark L with a red end, turned clockwise around its middle; drawn in its pose, then turned."""
    image = Image.new("RGB", (side, side), GROUND)
    draw = ImageDraw.Draw(image)
    draw.rectangle((80, 110, 176, 146), fill=(40, 40, 60))
    draw.rectangle((80, 60, 110, 146), fill=(200, 40, 40))
    if mark:
        draw.ellipse((mark[0] - 4, mark[1] - 4, mark[0] + 4, mark[1] + 4), fill=(255, 255, 0))
    turned = image.rotate(-degrees, resample=Image.Resampling.BICUBIC, fillcolor=GROUND)
    moved = turned.transform((side, side), Image.Transform.AFFINE, (1, 0, 128 - x, 0, 1, 128 - y), fillcolor=GROUND)
    noise = np.random.default_rng(round(degrees * 7 + x)).normal(0, 2, (side, side, 3))
    return np.clip(np.asarray(moved) + noise, 0, 255).astype(np.uint8)


def round_product(seed):
    image = Image.new("RGB", (256, 256), GROUND)
    ImageDraw.Draw(image).ellipse((70, 70, 186, 186), fill=(40, 40, 60))
    noise = np.random.default_rng(seed).normal(0, 2, (256, 256, 3))
    return np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)


ANGLES = np.arange(12) * 29.0
TURNED = [hook(angle) for angle in ANGLES]


def test_products_at_any_angle_are_brought_to_one_pose():
    registration = fit_registration(TURNED)

    poses = [registration.register(image, registration.place(image)).astype(float) for image in TURNED]
    middle = np.median(poses, axis=0)
    differing = [np.abs(pose - middle).mean() for pose in poses]
    as_they_came = [np.abs(image - np.median(TURNED, axis=0)).mean() for image in TURNED]
    # The registered image is cut to the product, so the same difference counts for more there.
    assert max(differing) < 0.5 * min(as_they_came)


def test_the_turn_of_a_product_is_found_to_half_a_degree():
    registration = fit_registration(TURNED)

    zero = registration.place(hook(0.0)).degrees
    found = [(registration.place(hook(angle)).degrees - zero) % 360 for angle in (33.5, 121.0, 250.25)]
    assert found == pytest.approx([33.5, 121.0, 250.25], abs=0.5)


def test_aligned_products_are_left_alone():
    assert fit_registration([hook(angle) for angle in np.linspace(-3, 3, 12)]) is None


def test_one_turned_product_among_aligned_ones_does_not_make_a_line_at_any_angle():
    assert fit_registration([hook(angle) for angle in [*np.linspace(-1, 1, 19), 90.0]]) is None


def test_round_products_show_no_angle():
    assert fit_registration([round_product(seed) for seed in range(12)]) is None


def test_shifted_products_are_centred_and_not_turned():
    registration = fit_registration([hook(0.0, x=100 + 5 * i, y=155 - 5 * i) for i in range(12)])

    assert registration.template is None
    placement = registration.place(hook(0.0, x=100, y=155))
    reference = registration.place(hook(0.0, x=128, y=128))
    assert (placement.x - reference.x, placement.y - reference.y) == pytest.approx((-28 / 256, 27 / 256), abs=0.005)
    assert placement.degrees == 0


def test_equal_square_products_show_no_angle():
    image = np.full((100, 100, 3), 200, np.uint8)
    image[20:70, 20:70] = (200, 20, 20)

    assert fit_registration([image] * 12) is None


def test_products_that_reach_the_border_are_left_alone():
    assert fit_registration([hook(0.0, x=70 + 5 * i, y=40 + i) for i in range(12)]) is None


def test_few_images_say_nothing_about_poses():
    assert fit_registration(TURNED[:9]) is None


@pytest.mark.parametrize("angle", [0.0, 77.0, 200.0])
def test_a_map_over_the_registered_image_comes_back_to_its_place(angle):
    registration = fit_registration(TURNED)
    image = hook(angle, mark=(150, 128))
    placement = registration.place(image)

    registered = registration.register(image, placement).astype(np.float32)
    # Where red and green are high and blue is low: the yellow mark.
    yellow = np.minimum(registered[..., 0], registered[..., 1]) - registered[..., 2]
    restored = registration.restore(yellow, 256, 256, placement)

    row, column = np.unravel_index(restored.argmax(), restored.shape)
    turn = np.radians(angle)
    # The mark lies 22 px right of the middle around which the product was turned.
    assert (column, row) == pytest.approx((128 + 22 * np.cos(turn), 128 + 22 * np.sin(turn)), abs=4)


def test_a_map_of_a_large_image_fits_the_image():
    registration = fit_registration(TURNED)
    large = np.asarray(Image.fromarray(hook(45.0)).resize((2048, 2048)))
    placement = registration.place(large)

    registered = registration.register(large, placement)
    restored = registration.restore(np.ones(registered.shape[:2], np.float32), 2048, 2048, placement)

    assert registered.shape[0] < 1100  # worked on at the size of a megapixel
    assert restored[round(placement.y * 2048), round(placement.x * 2048)] == 1
    assert restored[0, 0] == 0


def test_an_image_without_a_product_keeps_its_pose():
    registration = fit_registration(TURNED)
    empty = np.full((256, 256, 3), 205, np.uint8)

    assert registration.place(empty) is None
    registered = registration.register(empty, None)
    assert (registered == 205).all()


def test_what_is_stored_comes_back():
    registration = fit_registration(TURNED)

    again = Registration.from_arrays(registration.arrays())
    assert again.radius == registration.radius
    assert np.array_equal(again.template, registration.template)
    assert Registration.from_arrays(Registration(None, 0.3).arrays()).template is None
