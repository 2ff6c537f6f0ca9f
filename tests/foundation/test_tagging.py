import ast
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import csad
from benchmarks.ram_plus_reference import PREPARED_SIDE, seeded_pixels
from csad.common.errors import WeightsError
from csad.config.line import ProductLine
from csad.config.settings import TagGroup, TagSettings
from csad.foundation import tagging
from csad.foundation.packaged import read_packaged
from csad.foundation.ram_plus.loading import load_ram_plus
from csad.foundation.ram_plus.preprocessing import prepare
from csad.foundation.ram_plus.vocabulary import Vocabulary, published_vocabulary
from csad.foundation.tag_filter import FILE, REASONS, SHA256, filter_tags, group_of_tag
from csad.foundation.tagging import FoundTag, Tagger, build_tagger, merge_tags
from csad.images import read_rgb
from tests.foundation.tiny_ram_plus import ARCHITECTURE, save_tiny_weights

DATA = Path(__file__).parent / "data"
CPU = torch.device("cpu")
PAPERS_TAGS = [
    *("almond", "apple", "banana", "orange", "oatmeal", "container"),
    *("pin", "drawing pin", "screw", "ring", "bag", "bolt", "nut", "tool"),
    *("cable", "connector", "electric outlet", "hook", "plug", "pole", "socket", "wire"),
]
"""Tags that the authors of CSAD chose by hand for their lines and that RAM++ knows."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors", ["screw", "bag", "blue"])


@pytest.fixture(scope="module")
def tagger(weights):
    model, digest = load_ram_plus(weights, ARCHITECTURE, CPU)
    return Tagger(model, published_vocabulary(), digest)


def names_of(tags):
    return [tag.name for tag in tags]


def line_with(**tags):
    return ProductLine(name="kit", tags=TagSettings(**tags))


# The vocabulary


def test_the_vocabulary_is_the_published_one():
    vocabulary = published_vocabulary()
    assert len(vocabulary.tags) == len(set(vocabulary.tags)) == len(vocabulary.thresholds) == 4585
    assert (vocabulary.tags[0], vocabulary.tags[-1]) == ("3D CG rendering", "zoo")
    assert all(0 < threshold <= 1 for threshold in vocabulary.thresholds)
    assert set(PAPERS_TAGS) < set(vocabulary.tags)


def test_a_changed_data_file_is_refused_with_both_digests(tmp_path):
    changed = tmp_path / "groups.yaml"
    changed.write_bytes(FILE.read_bytes() + b"\n")
    with pytest.raises(WeightsError, match=f"groups.yaml was changed: its sha256 is .* expected {SHA256}"):
        read_packaged(changed, SHA256)
    with pytest.raises(WeightsError, match="install csad again"):
        read_packaged(tmp_path / "absent.yaml", SHA256)


# The filter


def test_every_group_has_its_setting_its_reason_and_known_words():
    texts = read_packaged(FILE, SHA256)
    known = {word.lower() for word in published_vocabulary().tags}
    assert set(texts) == set(REASONS) == set(get_args(TagGroup))
    assert set(group_of_tag()) <= known
    assert sum(len(text.split(",")) for text in texts.values()) == len(group_of_tag())


def test_the_words_that_the_authors_kept_by_hand_pass_but_for_a_second_container():
    filtered = filter_tags(PAPERS_TAGS, TagSettings())
    assert list(filtered.kept) == [word for word in PAPERS_TAGS if word != "bag"]
    assert [(dropped.name, dropped.reason) for dropped in filtered.dropped] == [
        ("bag", "a container, as container is, which is surer")
    ]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("attach", "an action (group action)"),
        ("modern", "a property, no thing (group property)"),
        ("Blue", "a colour (group colour)"),
        ("metal", "a material (group material)"),
        ("table", "a place or background (group background)"),
        ("close-up", "says what kind of picture it is (group picture)"),
        ("science", "nothing that has a place in the image (group abstract)"),
        ("hardware", "names all parts together (group collective)"),
    ],
)
def test_what_names_no_part_is_dropped_with_its_reason(word, reason):
    filtered = filter_tags(["nut", word], TagSettings())
    assert filtered.kept == ("nut",)
    assert [(dropped.name, dropped.reason) for dropped in filtered.dropped] == [(word.lower(), reason)]


def test_single_words_can_be_kept_and_dropped_and_drop_wins():
    settings = TagSettings(keep=("Blue", "red"), drop=("red", "NUT"))
    filtered = filter_tags(["blue", "red", "nut", "bolt", "Bolt"], settings)
    assert filtered.kept == ("blue", "bolt")
    assert [(dropped.name, dropped.reason) for dropped in filtered.dropped] == [
        ("red", "listed in tags.drop"),
        ("nut", "listed in tags.drop"),
        ("bolt", "repeated"),
    ]


def test_a_line_chooses_the_groups():
    found = ["bag", "metal", "screw"]
    assert filter_tags(found, TagSettings(drop_groups=())).kept == ("bag", "metal", "screw")
    assert filter_tags(found, TagSettings(drop_groups=("container", "material"))).kept == ("screw",)


# The model's eyes


def test_an_image_is_prepared_as_the_authors_do():
    with np.load(DATA / "ram_plus_reference.npz", allow_pickle=False) as arrays:
        expected = arrays["prepared"]
    prepared = prepare(seeded_pixels(), PREPARED_SIDE)
    assert prepared.shape == (1, 3, PREPARED_SIDE, PREPARED_SIDE)
    assert np.abs(prepared[0].numpy() - expected).max() <= 1e-6


def test_words_above_their_threshold_are_found_every_time(tagger):
    pixels = seeded_pixels()
    found = tagger.tag(pixels)
    assert names_of(found) == ["bag", "blue", "screw"]
    assert all(tag.threshold < tag.probability < 1 for tag in found)
    assert tagger.tag(pixels) == found


def save_images(folder):
    pixels = np.asarray(Image.fromarray(seeded_pixels()))
    pictures = {
        "grey": Image.fromarray(pixels[:, :, 0]),
        "rgba": Image.fromarray(np.dstack([pixels, pixels[:, :, :1]])),
        "sixteen": Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257),
        "large": Image.fromarray(pixels).resize((5000, 4000), Image.Resampling.NEAREST),
        "thin": Image.fromarray(pixels[:1]),
    }
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png", compress_level=1)
    return sorted(pictures)


def test_unusual_images_are_tagged_like_others(tagger, tmp_path):
    for name in save_images(tmp_path):
        found = tagger.tag(read_rgb(tmp_path / f"{name}.png"))
        assert names_of(found) == ["bag", "blue", "screw"], name


def test_a_model_of_another_vocabulary_is_refused(tagger):
    with pytest.raises(WeightsError, match="knows 4585 tags, its vocabulary has 1;"):
        Tagger(tagger._model, Vocabulary(("screw",), (0.5,)), "")


# Weights


def test_the_published_forms_of_the_weights_give_the_same_answers(weights, tmp_path):
    state = load_file(weights)
    state = {name.replace("tagging_head.", "vision_multi."): tensor for name, tensor in state.items()}
    state["logit_scale"] = torch.tensor(1.0)
    full = load_ram_plus(weights, ARCHITECTURE, CPU)[0].state_dict()
    block = "visual_encoder.layers.0.blocks.1"
    computed = {f"{block}.attn_mask": torch.ones(1), f"{block}.attn.relative_position_index": torch.ones(1)}
    torch.save({"model": state | computed, "epoch": 5}, tmp_path / "old.pth")

    model, _ = load_ram_plus(tmp_path / "old.pth", ARCHITECTURE, CPU)

    assert all(torch.equal(tensor, full[name]) for name, tensor in model.state_dict().items())


def test_a_file_without_the_scale_takes_clips(weights, tmp_path):
    state = load_file(weights)
    del state["reweight_scale"]
    save_file(state, tmp_path / "no_scale.safetensors")
    model, _ = load_ram_plus(tmp_path / "no_scale.safetensors", ARCHITECTURE, CPU)
    assert model.reweight_scale.exp().item() == pytest.approx(1 / 0.07)


def test_any_other_missing_tensor_is_named(weights, tmp_path):
    state = load_file(weights)
    del state["fc.bias"]
    save_file(state, tmp_path / "less.safetensors")
    with pytest.raises(WeightsError, match=r"less.safetensors does not fit RamPlus: 1 of \d+ tensors are missing \(fc"):
        load_ram_plus(tmp_path / "less.safetensors", ARCHITECTURE, CPU)


def test_weights_of_another_size_are_refused(weights):
    with pytest.raises(WeightsError, match=r"tiny.safetensors does not fit RamPlus: \d+ of \d+ tensors are missing"):
        load_ram_plus(weights, tagging.PUBLISHED, CPU)


def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.delenv("CSAD_WEIGHTS", raising=False)
    with pytest.raises(WeightsError, match="csad weights sync"):
        build_tagger(line_with())
    monkeypatch.setenv("CSAD_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"ram_plus_swin_large_14m.safetensors.*csad weights sync"):
        build_tagger(line_with())
    with pytest.raises(WeightsError, match=r"mine.pth does not exist; run csad weights sync"):
        build_tagger(line_with(weights=str(tmp_path / "mine.pth")))


def test_tagging_does_without_the_old_libraries():
    root = Path(csad.__file__).parent
    files = [root / "stages/tagging.py", *root.glob("foundation/tag*.py"), *root.glob("foundation/ram_plus/*.py")]
    files += [root / "weights/checkpoints.py", root / "foundation/packaged.py", root / "pseudo_labels/type_samples.py"]
    assert len(files) > 10
    for file in files:
        found = {name.split(".")[0] for name in imported_names(file.read_text(encoding="utf-8"))}
        assert not found & {"transformers", "groundingdino", "segment_anything_hq", "cv2"}, file


def imported_names(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


# Several images


def test_the_tags_of_several_images_are_united_the_common_ones_first():
    cap, juice, label = (FoundTag(word, 0.8, 0.5) for word in ("cap", "juice", "label"))
    surer = FoundTag("cap", 0.9, 0.5)
    merged = merge_tags([[cap, juice], [surer, label], [label]])
    assert [(found.tag, found.images) for found in merged] == [
        (surer, (0, 1)),
        (label, (1, 2)),
        (juice, (0,)),
    ]
