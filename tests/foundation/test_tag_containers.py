from csad.config.settings import TagSettings
from csad.foundation.tag_filter import filter_tags


def test_of_several_containers_the_surest_is_kept():
    filtered = filter_tags(["pin", "tray", "box", "case", "yellow"], TagSettings())
    assert filtered.kept == ("pin", "tray")
    assert {dropped.name: dropped.reason for dropped in filtered.dropped} == {
        "box": "a container, as tray is, which is surer",
        "case": "a container, as tray is, which is surer",
        "yellow": "a colour (group colour)",
    }


def test_a_container_that_the_line_keeps_stays_beside_another():
    assert filter_tags(["tray", "box"], TagSettings(keep=("box",))).kept == ("tray", "box")


def test_a_dropped_container_does_not_push_out_the_next():
    assert filter_tags(["tray", "box"], TagSettings(drop=("tray",))).kept == ("box",)
