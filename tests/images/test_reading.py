import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from csad.common.errors import ImageError
from csad.images import decode_rgb, read_rgb

RED = [255, 0, 0]


def saved(path, pixels, mode=None, **options):
    image = Image.fromarray(np.asarray(pixels))
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def test_colour_is_read_as_it_is(tmp_path):
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    read = read_rgb(saved(tmp_path / "a.png", pixels))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels)


def test_the_result_may_be_written_to(tmp_path):
    assert read_rgb(saved(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))).flags.writeable


@pytest.mark.parametrize("extension", ["png", "PNG", "jpg", "jpeg", "bmp", "tif", "tiff", "webp"])
def test_every_accepted_extension_is_read(tmp_path, extension):
    read = read_rgb(saved(tmp_path / f"größe 1.{extension}", np.full((16, 8, 3), 100, np.uint8)))
    assert read.shape == (16, 8, 3)
    assert abs(int(read[5, 5, 0]) - 100) <= 2


def test_grey_becomes_three_equal_channels(tmp_path):
    read = read_rgb(saved(tmp_path / "a.png", np.array([[0, 77]], np.uint8)))
    np.testing.assert_array_equal(read, [[[0, 0, 0], [77, 77, 77]]])


def test_one_bit_becomes_black_and_white(tmp_path):
    read = read_rgb(saved(tmp_path / "a.png", np.array([[0, 255]], np.uint8), mode="1"))
    np.testing.assert_array_equal(read[..., 0], [[0, 255]])


def test_palette_becomes_its_colours(tmp_path):
    read = read_rgb(saved(tmp_path / "a.png", np.full((4, 4, 3), RED, np.uint8), mode="P"))
    np.testing.assert_array_equal(read[0, 0], RED)


def test_transparency_is_composited_on_white(tmp_path):
    pixels = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    read = read_rgb(saved(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(read, [[[255, 0, 0], [255, 255, 255], [204, 204, 204]]])


def test_grey_with_transparency_is_composited_on_white(tmp_path):
    image = Image.fromarray(np.array([[[0, 0], [0, 255]]], np.uint8), mode="LA")
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png")[..., 0], [[255, 0]])


def test_a_transparent_palette_colour_is_white(tmp_path):
    image = Image.new("P", (2, 1), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), [[[255, 255, 255], [0, 0, 255]]])


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_sixteen_bits_are_divided_by_257(tmp_path, extension):
    path = saved(tmp_path / f"a.{extension}", np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16))
    np.testing.assert_array_equal(read_rgb(path)[0, :, 0], [0, 0, 1, 1, 128, 255])


def test_big_endian_sixteen_bits_are_the_same(tmp_path):
    Image.frombytes("I;16B", (2, 1), struct.pack(">2H", 257, 65535)).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.tif")[0, :, 1], [1, 255])


def test_integers_beyond_sixteen_bits_are_refused(tmp_path):
    path = saved(tmp_path / "a.tif", np.array([[0, 70000]], np.int32))
    with pytest.raises(ImageError, match="from 0 to 70000; expected 0 to 65535"):
        read_rgb(path)


def test_floating_point_is_refused(tmp_path):
    with pytest.raises(ImageError, match="floating-point"):
        read_rgb(saved(tmp_path / "a.tif", np.zeros((2, 2), np.float32)))


def test_cmyk_becomes_rgb(tmp_path):
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    image.save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.tif")[8, 8], RED)


def test_exif_orientation_turns_the_image_upright(tmp_path):
    image = Image.new("RGB", (3, 2))
    image.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif)
    read = read_rgb(tmp_path / "a.png")
    assert read.shape == (3, 2, 3)
    np.testing.assert_array_equal(read[0, 1], RED)


def test_exif_orientation_turns_sixteen_bits_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(np.array([[0, 65535]], np.uint16)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png")[0, :, 0], [255, 0])


def test_the_first_page_of_several_is_read(tmp_path):
    pages = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.tif")[0, 0], RED)


def test_the_content_counts_not_the_extension(tmp_path):
    saved(tmp_path / "a.jpg", np.full((8, 8, 3), RED, np.uint8), format="PNG")
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.jpg")[0, 0], RED)


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "leer.png").touch()
    with pytest.raises(ImageError, match=r"leer\.png: empty file"):
        read_rgb(tmp_path / "leer.png")


def test_text_is_not_an_image(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(ImageError, match="not an image"):
        read_rgb(tmp_path / "a.png")


@pytest.mark.parametrize("extension", ["png", "jpg", "bmp", "tif", "webp"])
def test_a_truncated_file_is_refused(tmp_path, extension):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = saved(tmp_path / f"a.{extension}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=r"a\."):
        read_rgb(path)


def test_a_file_with_a_changed_byte_is_refused_where_the_format_can_tell(tmp_path):
    path = saved(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(ImageError, match="corrupt or truncated"):
        read_rgb(path)


def huge_png(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes whose header promises many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 99)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [11_000, 60_000])
def test_a_decompression_bomb_is_refused_from_its_header(side):
    with pytest.raises(ImageError, match=r"at most 100,000,000 \(images.max_pixels\)"):
        decode_rgb(huge_png(side, side), "bomb.png")


def test_the_limit_on_pixels_itself_is_allowed(tmp_path):
    path = saved(tmp_path / "a.png", np.zeros((4, 5, 3), np.uint8))
    assert read_rgb(path, max_pixels=20).shape == (4, 5, 3)
    with pytest.raises(ImageError, match="5 x 4 are 20 pixels; at most 19"):
        read_rgb(path, max_pixels=19)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        read_rgb(tmp_path / "a.png")
    with pytest.raises(ImageError, match="not a file"):
        read_rgb(tmp_path)


def test_memory_decodes_like_a_file(tmp_path):
    path = saved(tmp_path / "a.png", np.full((2, 2, 3), RED, np.uint8))
    np.testing.assert_array_equal(decode_rgb(path.read_bytes(), "upload"), read_rgb(path))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"])
def test_the_strips_in_which_an_image_is_converted_do_not_show(tmp_path, mode, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (31, 20, 4), dtype=np.uint8)
    image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 250 if mode == "I;16" else pixels)
    path = tmp_path / "a.tif"
    (image if image.mode == mode else image.convert("RGB").convert(mode)).save(path)
    whole = read_rgb(path)
    monkeypatch.setattr("csad.imaging.strips.STRIP_PIXELS", 60)
    np.testing.assert_array_equal(read_rgb(path), whole)


@pytest.mark.parametrize(("channels", "dtype"), [(3, np.uint8), (4, np.uint8), (1, np.uint16)])
def test_a_large_image_needs_little_more_than_its_decoded_pixels(tmp_path, channels, dtype):
    path = saved(tmp_path / "a.png", np.zeros((3000, 2000, channels), dtype).squeeze())
    tracemalloc.start()
    read = read_rgb(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # What Pillow holds itself is not traced; a copy of its pixels is.
    assert peak < read.nbytes + 2 * read.shape[0] * read.shape[1] * np.dtype(dtype).itemsize + 5e6


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.dib", "a.apng"])
def test_every_ending_of_the_formats_is_read(tmp_path, name):
    Image.new("RGB", (3, 2), (0, 0, 255)).save(tmp_path / name, format="PNG" if name == "a.apng" else None)
    assert tuple(read_rgb(tmp_path / name)[0, 0]) in {(0, 0, 255), (0, 0, 254)}
