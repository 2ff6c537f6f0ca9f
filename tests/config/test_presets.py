import pytest

from csad.common.errors import LineError
from csad.config.line import ProductLine
from csad.config.presets import PAPER


def line(text):
    return ProductLine.from_yaml(f"name: kit\n{text}")


def test_one_key_sets_the_published_method():
    paper = line("method: paper")
    assert (paper.images.size, paper.images.product_box) == ((256, 256), "full")
    assert paper.backbone.name == "wide_resnet50_2.tv2_in1k"
    labels = paper.pseudo_labels
    assert (labels.rotations, labels.bandwidth, labels.component_features) == (60, 15.4, "deep")
    assert (labels.alpha_counts, labels.minimum_image_fraction, labels.label_clusters) == ("members", 0.5, "largest")
    network = paper.segmentation
    assert (network.epochs, round(network.epochs * network.labelled_only_fraction)) == (120, 50)
    assert (network.lsa, network.lsa_fraction, network.schedule) == (True, 1.0, "fixed")
    counted = paper.histogram
    assert (counted.grids, counted.soft, counted.square_root, counted.resolution) == ((1, 2), False, False, "input")
    students = paper.lgst
    assert (students.channels, students.grid, students.pdn_width, students.steps) == (512, (56, 56), 128, 60_000)
    assert (students.pdn_heads, students.score, paper.fusion.weighting) == ("heads", "mean_map", "equal")
    assert paper.fusion.maps == "average"


def test_a_key_of_the_file_goes_before_the_method():
    paper = line("method: paper\nlgst: {steps: 100}\nhistogram: {soft: true}\n")
    assert (paper.lgst.steps, paper.histogram.soft, paper.lgst.pdn_width) == (100, True, 128)
    assert paper.overridden() == ("histogram.soft", "lgst.steps")


@pytest.mark.parametrize(
    ("text", "left_alone"),
    [
        ("segmentation: {steps: 9}", lambda paper: paper.segmentation.epochs),
        ("images: {area: 65536}", lambda paper: paper.images.size),
        ("pseudo_labels: {bandwidth_quantile: 0.1}", lambda paper: paper.pseudo_labels.bandwidth),
    ],
)
def test_who_says_the_same_in_another_way_is_not_overruled(text, left_alone):
    assert left_alone(line(f"method: paper\n{text}")) is None


def test_the_written_line_shows_the_method_and_every_value_and_parses_back():
    text = line("method: paper").to_yaml()
    for shown in ("method: paper", "epochs: 120", "grid: [56, 56]", "bandwidth: 15.4", "alpha_counts: members"):
        assert shown in text
    assert ProductLine.from_yaml(text) == line("method: paper")
    assert ProductLine.from_yaml(text).overridden() == ()


def test_without_a_method_a_line_is_as_before():
    assert line("") == line("method: default")
    assert line("").overridden() == ()


def test_an_unknown_method_is_refused_with_those_that_there_are():
    with pytest.raises(LineError, match=r"line 2: method: found 'papre', expected 'default' or 'paper'"):
        line("method: papre")


def test_a_method_is_no_list_and_a_section_no_number():
    with pytest.raises(LineError, match="method: found"):
        line("method: [paper]")
    with pytest.raises(LineError, match="lgst: found 3, expected a section"):
        line("method: paper\nlgst: 3")


def test_every_key_of_the_preset_differs_from_the_default_and_says_why():
    assert set(PAPER) <= {
        f"{section}.{key}"
        for section, values in line("").model_dump().items()
        if isinstance(values, dict)
        for key in values
    }
    for key, choice in PAPER.items():
        section, name = key.split(".")
        assert getattr(getattr(line(""), section), name) != choice.value, key
        assert choice.why_ours.endswith("."), key


@pytest.mark.parametrize("text", ["lgst: {score: mean_map}", "method: paper\nlgst: {local_student: memory_bank}"])
def test_a_mean_map_needs_both_networks(text):
    with pytest.raises(LineError, match=r"lgst\.score: found 'mean_map', expected branches, for mean_map needs"):
        line(text)
