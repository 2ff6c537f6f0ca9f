from csad.imaging.strips import STRIP_PIXELS, strips


def test_strips_follow_each_other_to_the_last_row():
    assert STRIP_PIXELS == 262_144
    assert list(strips(300, 2048)) == [slice(0, 128), slice(128, 256), slice(256, 300)]


def test_a_small_image_is_one_strip_and_a_wide_one_a_strip_per_row():
    assert list(strips(512, 512)) == [slice(0, 512)]
    assert list(strips(2, 10**6)) == [slice(0, 1), slice(1, 2)]
    assert list(strips(0, 0)) == []
