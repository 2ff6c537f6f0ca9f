import pytest

from csad.common.humanize import duration, plain, plural, sentence, size


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.04, "0 s"), (4.24, "4.2 s"), (8, "8 s"), (75.4, "75 s"), (725, "12 min 5 s"), (7800, "2 h 10 min")],
)
def test_a_duration_has_the_units_that_its_length_deserves(seconds, written):
    assert duration(seconds) == written


@pytest.mark.parametrize(
    ("count", "written"), [(0, "0 B"), (999, "999 B"), (6_540_000, "6.5 MB"), (9_000_000_000, "9.0 GB")]
)
def test_a_size_is_counted_in_thousands(count, written):
    assert size(count) == written


def test_one_image_is_no_plural():
    assert [plural(count, "image") for count in (0, 1, 2)] == ["0 images", "1 image", "2 images"]


def test_names_and_reasons_are_written_for_people():
    assert plain("logical_anomalies") == "logical anomalies"
    assert sentence("it passes") == "It passes."
