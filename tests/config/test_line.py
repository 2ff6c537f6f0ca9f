import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from csad.common.errors import LineError
from csad.config.line import ProductLine
from csad.config.settings import Settings


def complaint(text: str) -> str:
    with pytest.raises(LineError) as caught:
        ProductLine.from_yaml(text, source="line.yaml")
    return str(caught.value)


def test_a_name_is_enough():
    line = ProductLine.from_yaml("name: bottles\n")
    assert line.name == "bottles"
    assert line.images.max_bad_fraction == 0.01
    assert line.threshold.false_reject_rate == 0.01


def test_values_of_the_file_replace_defaults():
    line = ProductLine.from_yaml(
        "name: bottles\nimages: {product_box: [0.1, 0, 0.9, 1]}\ntags: {prompts: [Mutter, Größe]}\n"
    )
    assert line.images.product_box == (0.1, 0.0, 0.9, 1.0)
    assert line.tags.prompts == ("Mutter", "Größe")


def test_an_exponent_without_a_dot_is_a_number():
    assert ProductLine.from_yaml("name: a\nlgst: {learning_rate: 1e-3}\n").lgst.learning_rate == 0.001


def test_a_line_cannot_be_changed_after_it_was_read():
    with pytest.raises(ValueError, match="frozen"):
        ProductLine(name="a").images.area = 3  # type: ignore[misc]


def test_the_written_file_parses_back_to_the_same_line():
    line = ProductLine.from_yaml(
        "name: bottles\nimages: {product_box: [0.25, 0, 1, 0.5]}\ntags: {prompts: [schraube, 'yes', größe]}\n"
        "histogram: {grids: [1, 3]}\npseudo_labels: {bandwidth: 12.5, types: 3}\nlgst: {learning_rate: 1.0e-05}\n"
    )
    assert ProductLine.from_yaml(line.to_yaml()) == line


@given(
    words=st.none() | st.lists(st.text(max_size=8), max_size=3).map(tuple),
    rate=st.floats(min_value=1e-9, max_value=10),
)
def test_any_words_and_numbers_survive_writing(words, rate):
    line = ProductLine.model_validate({"name": "a", "tags": {"prompts": words}, "lgst": {"learning_rate": rate}})
    assert ProductLine.from_yaml(line.to_yaml()) == line


def test_the_written_file_explains_every_key():
    lines = ProductLine(name="bottles").to_yaml().splitlines()
    keys = [index for index, line in enumerate(lines) if ":" in line and not line.lstrip().startswith("#")]
    assert len(keys) > 40
    assert all(lines[index - 1].lstrip().startswith("# ") for index in keys)


def test_every_section_has_defaults_and_every_setting_a_description():
    def check(model: type[Settings]) -> None:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
            if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
                check(field.annotation)

    check(ProductLine)
    assert [name for name, field in ProductLine.model_fields.items() if field.is_required()] == ["name"]


def test_an_unknown_key_is_refused_with_the_nearest_valid_one_and_its_line():
    assert complaint("name: a\nimages:\n  max_pixel: 3\n") == (
        "line.yaml, line 3: images.max_pixel: unknown key; did you mean max_pixels?"
    )


def test_an_unknown_key_like_no_other_is_refused_with_all_valid_ones():
    text = complaint("name: a\nthreshold: {zzz: 3}\n")
    assert text == "line.yaml, line 2: threshold.zzz: unknown key; known here: false_reject_rate"


def test_a_wrong_value_names_key_found_and_expected():
    text = complaint("name: a\npseudo_labels:\n  mode: fin\n")
    assert "line 3: pseudo_labels.mode: found 'fin', expected 'auto', 'fine' or 'coarse'" in text


def test_all_mistakes_are_reported_at_once():
    text = complaint("name: a\nimages: {area: x}\nlgst: {steps: 0}\nfoo: 1\n")
    for key in ("images.area", "lgst.steps", "foo"):
        assert key in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "holds nothing"),
        ("- a\n", "holds a list"),
        ("a: [\n", "not valid YAML"),
        ("images: {}\n", "name: missing"),
        ("name: a\nlgst: 3\n", "expected a section"),
        ("name: a\nlgst:\n", "expected a section"),
        ("name: a\nlgst: {steps: 1, steps: 2}\n", "lgst.steps appears twice"),
        ("name: a\nthreshold: {false_reject_rate: .nan}\n", "finite number"),
        ("name: a\nthreshold: {false_reject_rate: 0}\n", "greater than 0"),
        ("name: a\nimages: {product_box: [0.5, 0, 0.5, 1]}\n", "left smaller than right"),
        ("name: a\nimages: {product_box: [0, 1]}\n", "images.product_box"),
        ("&a {name: b, tags: *a}\n", "not valid YAML"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(text, expected):
    assert expected in complaint(text)


@pytest.mark.parametrize("name", ["bottle", "a", "7", "juice_bottle-2", "a" * 63])
def test_slugs_are_names(name):
    assert ProductLine.from_yaml(yaml.safe_dump({"name": name})).name == name


@pytest.mark.parametrize("name", ["flasche_größe", "Bottle", "a b", "../x", "-a", "a-", "", "a" * 64, "a\n"])
def test_other_names_are_refused_with_the_rule(name):
    assert "1 to 63 ASCII characters" in complaint(yaml.safe_dump({"name": name}))


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(LineError, match=r"No such file.*csad line new"):
        ProductLine.from_file(tmp_path / "no.yaml")


def test_a_binary_file_is_refused(tmp_path):
    (tmp_path / "line.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LineError, match="not UTF-8"):
        ProductLine.from_file(tmp_path / "line.yaml")


def test_the_digest_ignores_comments_order_and_written_out_defaults():
    bare = ProductLine.from_yaml("name: a\n")
    written = ProductLine.from_yaml("# mine\nlgst: {steps: 2000, max_components: 128}\nname: a\n")
    assert bare.digest() == written.digest()
    assert len(bare.digest()) == 64


def test_the_digest_follows_every_section():
    line = ProductLine(name="a")
    changed = ProductLine.from_yaml("name: a\nlgst: {steps: 7}\n")
    assert changed.digest() != line.digest()
    assert changed.section_digest("lgst") != line.section_digest("lgst")
    assert changed.section_digest("images", "histogram") == line.section_digest("images", "histogram")


def test_the_order_of_section_names_does_not_change_their_digest():
    line = ProductLine(name="a")
    assert line.section_digest("images", "lgst") == line.section_digest("lgst", "images")


@pytest.mark.parametrize(("written", "cores"), [("200m", 0.2), ("1500m", 1.5), ("2", 2.0), ("0.5", 0.5)])
def test_processors_may_be_written_as_kubernetes_does(written, cores):
    line = ProductLine.from_yaml(f"name: a\ndeployment: {{cpu: {written}}}")
    assert line.deployment.cpu == cores


@pytest.mark.parametrize("written", ["0m", "m", "200M"])
def test_what_is_no_amount_of_processors_is_refused(written):
    with pytest.raises(LineError, match="cpu"):
        ProductLine.from_yaml(f"name: a\ndeployment: {{cpu: {written}}}")
