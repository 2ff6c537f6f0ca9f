from csad.images.image_batches import BATCH_PIXELS, in_batches


def named(*megapixels):
    """A name and a size for each image."""
    return [(index, size * 10**6) for index, size in enumerate(megapixels)]


def pixels(image):
    return image[1]


def test_small_images_share_a_batch_in_their_order():
    (batch,) = in_batches(named(1, 2, 1), pixels)
    assert [name for name, _ in batch] == [0, 1, 2]


def test_a_batch_is_full_at_its_number_of_pixels():
    assert BATCH_PIXELS == 16e6
    batches = in_batches(named(8, 8, 15, 100, 24, 1), pixels)
    assert [[name for name, _ in batch] for batch in batches] == [[0, 1], [2, 3], [4], [5]]


def test_an_image_is_read_when_the_batch_before_is_done():
    read = []

    def images():
        for name, image in named(24, 24):
            read.append(name)
            yield name, image

    batches = in_batches(images(), pixels)
    next(batches)
    assert read == [0]


def test_without_images_there_is_no_batch():
    assert list(in_batches([], pixels)) == []
