from xml.etree import ElementTree

import pytest

from benchmarks.batch_scale import Cost, Scale, draw_image, gather_task, repeat_rows
from benchmarks.scale_plot import Point, draw_plot
from csad.batch.merging import merge
from csad.scoring.result_table import table_of

ROW = {"score": 1.0, "anomalous": False, "branches": {"full": 1.0}}


def test_shards_that_were_not_run_are_taken_to_cost_the_mean_of_those_that_were():
    scale = Scale(10_000, Cost(5.0, 200.0), True, [Cost(10.0, 500.0), Cost(20.0, 600.0)], Cost(3.0, 150.0))
    assert scale.shards == 10
    assert scale.seconds == 5 + 10 * 15 + 3
    assert scale.row() == ("10,000", "158", "15.8", "200", "600", "150", "2 of 10 shards")


def test_a_row_says_whether_all_was_run():
    one = Scale(1000, Cost(1.0, 1.0), True, [Cost(9.0, 1.0)], Cost(0.0, 1.0))
    assert one.row()[-1] == "all"
    assert Scale(2000, one.listing, False, one.scoring, one.gathering).row()[-1] == "1 of 2 shards; listing not run"


def test_rows_are_repeated_under_names_of_their_own(tmp_path):
    from pyarrow import parquet

    parquet.write_table(table_of([ROW | {"file": "a"}, ROW | {"file": "b"}], {}), tmp_path / "real.parquet")
    files = repeat_rows(tmp_path / "real.parquet", tmp_path, 2)
    assert gather_task(files, tmp_path / "all.parquet") == 2000
    assert merge(files, tmp_path / "all.parquet", {}, 0, 0).images == 2000


def test_the_plot_has_a_point_per_size_hollow_where_it_was_not_run():
    picture = draw_plot(
        [Point(1000, 30.0, 500.0, True), Point(10_000, 300.0, 505.0, True), Point(100_000, 3e3, 505, False)]
    )
    root = ElementTree.fromstring(picture)
    dots = [one for one in root.iter() if one.tag.endswith("circle")]
    assert [one.get("class") for one in dots] == ["run", "run", "open"] * 2
    # Ten times the images take ten times as long: the points of the first panel lie on a straight line.
    (x1, y1), (x2, y2), (x3, y3) = [(float(one.get("cx")), float(one.get("cy"))) for one in dots[:3]]
    assert (y2 - y1) / (x2 - x1) == pytest.approx((y3 - y2) / (x3 - x2), rel=0.02)


def test_images_are_small_and_differ():
    assert draw_image(1).size == (128, 128)
    assert draw_image(1).tobytes() == draw_image(1).tobytes() != draw_image(2).tobytes()
