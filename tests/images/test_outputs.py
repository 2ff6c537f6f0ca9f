import pytest

from csad.common.errors import DatasetError
from csad.images.outputs import require_apart, require_no_image_in, require_outside
from tests.images.test_layout import touch


@pytest.fixture
def photos(tmp_path):
    touch(tmp_path, "photos/0.png", "camera/1.png")
    (tmp_path / "photos/cam").symlink_to("../camera")
    (tmp_path / "by_link").symlink_to("photos")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    "output", ["photos", "photos/maps", "photos/new/maps.v2", "by_link/maps", "camera/maps", "maps/../photos/maps"]
)
def test_a_folder_among_the_images_is_refused_whatever_links_lead_there(photos, tmp_path, output):
    with pytest.raises(DatasetError, match=r"--maps .* lies in .*photos, whose images are read.*a place outside"):
        require_outside(photos, tmp_path / output, "--maps")


@pytest.mark.parametrize("output", ["maps", "photos_maps", "photos/.maps", "."])
def test_a_folder_elsewhere_or_a_hidden_one_is_fine(photos, tmp_path, output):
    require_outside(photos, tmp_path / output, "--maps")


def test_the_folder_of_a_single_image_counts_as_its_images(photos):
    with pytest.raises(DatasetError, match="--maps"):
        require_outside(photos / "0.png", photos / "maps", "--maps")


@pytest.mark.parametrize("name", ["preview.png", "report.JFIF"])
def test_a_file_with_an_images_ending_is_refused_among_the_images(photos, name):
    with pytest.raises(DatasetError, match="--output"):
        require_no_image_in(photos, photos / name, "--output")


@pytest.mark.parametrize("name", ["photos/report.html", "photos/results.parquet", "preview.png"])
def test_a_file_that_is_never_read_as_an_image_may_lie_anywhere(photos, tmp_path, name):
    require_no_image_in(photos, tmp_path / name, "--output")


def test_a_folder_that_is_replaced_as_a_whole_must_not_hold_the_images(photos, tmp_path):
    with pytest.raises(DatasetError, match=r"is replaced as a whole, and .*photos lies in it"):
        require_apart(photos, tmp_path, "--output")
