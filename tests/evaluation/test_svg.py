import math

from csad.evaluation.svg import Axis, text


def test_an_axis_maps_its_ends_to_its_pixels_and_holds_outliers_at_the_border():
    axis = Axis(lambda value: value, 10.0, 20.0, 100.0, 300.0)
    assert (axis(10.0), axis(15.0), axis(20.0)) == (100.0, 200.0, 300.0)
    assert (axis(-5.0), axis(1e9)) == (100.0, 300.0)


def test_a_stretched_axis_is_even_in_the_stretched_value():
    axis = Axis(math.log10, 1.0, 100.0, 0.0, 200.0)
    assert axis(10.0) == 100.0


def test_an_axis_without_extent_does_not_divide_by_zero():
    assert Axis(lambda value: value, 7.0, 7.0, 40.0, 90.0)(7.0) == 40.0


def test_ticks_that_would_touch_give_way_to_the_preferred_ones():
    axis = Axis(lambda value: value, 0.0, 10.0, 0.0, 100.0)
    assert axis.ticks([0.0, 10.0, 5.0, 1.0, 9.0, 11.0]) == [0.0, 5.0, 10.0]


def test_text_is_escaped():
    assert "&lt;b&gt; &amp;" in text(0, 0, "<b> &")
