"""Masks and tags of other foundation weights are never taken for those of today's."""

import pytest

from csad.common.errors import WeightsError
from csad.config.line import ProductLine
from csad.proposals.foundation_finder import foundation_weights
from csad.runner.needed_weights import READ_BACKBONE, needed_weights
from csad.stages import clustering, lgst, masks, segnet, statistics, tagging
from csad.stages.order import STAGES
from csad.stages.tagging import FILE, Tags
from csad.weights.catalogue import file_of

SAM, GROUNDING, RAM = "sam_hq_vit_h.safetensors", "groundingdino_swint_ogc.pth", "ram_plus_swin_large_14m.safetensors"
BERT = [f"bert-base-uncased/{name}" for name in ("config.json", "vocab.txt", "model.safetensors")]
ALL = [SAM, GROUNDING, RAM, *BERT]


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A weights folder that has everything."""
    folder = tmp_path / "weights"
    (folder / "bert-base-uncased").mkdir(parents=True)
    for name in ALL:
        (folder / name).write_text(f"published {name}")
    monkeypatch.setenv("CSAD_WEIGHTS", str(folder))
    return folder


def line(prompts=None, tagger=None, **pseudo_labels):
    tags = {"prompts": prompts, "weights": tagger}
    return ProductLine(name="kit", tags=tags, pseudo_labels={"proposals": "foundation", **pseudo_labels})


def key_of(stage, of_line, root, prompts=("screw",)):
    """Key of a stage behind a tagging stage that found these prompts."""
    images, tags = root / "images", root / "tags"
    images.mkdir(exist_ok=True)
    tags.mkdir(exist_ok=True)
    (tags / FILE).write_text(Tags(proposer="line", prompts=prompts, dropped=(), note="").model_dump_json())
    inputs = {"images": images, "tags": tags} if stage is masks.STAGE else {"images": images}
    return stage.key(of_line, 0, inputs)


def files_that_matter(weights, stage, of_line, root, **tags):
    """Weight files whose change gives the stage another key."""
    before = key_of(stage, of_line, root, **tags)
    found = set()
    for name in ALL:
        published = (weights / name).read_bytes()
        (weights / name).write_bytes(b"renewed")
        if key_of(stage, of_line, root, **tags) != before:
            found.add(name)
        (weights / name).write_bytes(published)
    assert key_of(stage, of_line, root, **tags) == before
    return found


def test_tags_depend_on_the_tagging_model_where_it_is_asked(weights, tmp_path):
    assert files_that_matter(weights, tagging.STAGE, line(), tmp_path) == {RAM}
    assert files_that_matter(weights, tagging.STAGE, line(prompts=("screw",)), tmp_path) == set()


def test_tags_depend_on_the_file_that_the_line_names(weights, tmp_path):
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"mine")
    named = line(tagger=str(mine))
    before = key_of(tagging.STAGE, named, tmp_path)

    assert files_that_matter(weights, tagging.STAGE, named, tmp_path) == set()
    mine.write_bytes(b"renewed")
    assert key_of(tagging.STAGE, named, tmp_path) != before


def test_masks_depend_on_the_models_that_draw_them(weights, tmp_path):
    both = {SAM, GROUNDING, *BERT}

    assert files_that_matter(weights, masks.STAGE, line(), tmp_path) == both
    assert files_that_matter(weights, masks.STAGE, line(mode="fine"), tmp_path) == both
    assert files_that_matter(weights, masks.STAGE, line(mode="coarse", filter_by_grounding=False), tmp_path) == both


def test_masks_do_not_depend_on_a_model_that_is_not_used(weights, tmp_path):
    ungrounded = line(mode="fine", filter_by_grounding=False)

    assert files_that_matter(weights, masks.STAGE, ungrounded, tmp_path) == {SAM}
    assert files_that_matter(weights, masks.STAGE, line(), tmp_path, prompts=()) == {SAM}


@pytest.mark.parametrize(
    ("stage", "missing"), [(tagging.STAGE, RAM), (masks.STAGE, SAM), (masks.STAGE, GROUNDING), (masks.STAGE, BERT[1])]
)
def test_missing_weights_are_named(weights, tmp_path, stage, missing):
    (weights / missing).unlink()
    with pytest.raises(WeightsError, match=missing.rpartition("/")[2].replace(".", r"\.")):
        key_of(stage, line(), tmp_path)


@pytest.mark.parametrize("stage", [tagging.STAGE, masks.STAGE])
def test_classical_lines_need_no_weights(stage, tmp_path, monkeypatch):
    monkeypatch.delenv("CSAD_WEIGHTS", raising=False)
    assert key_of(stage, ProductLine(name="kit"), tmp_path)


@pytest.mark.parametrize("stage", [clustering.STAGE, segnet.STAGE, lgst.STAGE, statistics.STAGE], ids=lambda s: s.name)
def test_what_the_backbone_sees_depends_on_the_file_that_the_line_names(stage, tmp_path):
    file = tmp_path / "backbone.safetensors"
    named = ProductLine(name="kit", backbone={"name": "wide_resnet50_2.tv2_in1k", "weights": str(file)})
    keys = []
    for content in (b"published", b"renewed"):
        file.write_bytes(content)
        keys.append(stage.key(named, 0, {}))
    assert keys[0] != keys[1]
    file.unlink()
    with pytest.raises(WeightsError, match=r"backbone\.safetensors of backbone .* does not exist"):
        stage.key(named, 0, {})


@pytest.mark.parametrize("mode", ["auto", "fine", "coarse"])
@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("named", [None, (), ("screw",)])
def test_a_pod_fetches_every_file_that_the_masks_read_and_without_prompts_no_more(weights, mode, filters, named):
    of_line = line(prompts=named, mode=mode, filter_by_grounding=filters)
    fetched = {file_of(name) for name in needed_weights("masks", of_line)}

    for found in [named] if named is not None else [(), ("screw",)]:
        if mode == "coarse" and not found:
            continue  # an error of its own
        read = {file.relative_to(weights).as_posix() for file in foundation_weights(of_line, found)}
        assert {name.replace(".pth", ".safetensors") for name in read} <= fetched
    if named == ():
        assert fetched == {SAM}


def test_a_pod_fetches_the_tagging_model_where_it_is_asked(weights):
    assert needed_weights("tagging", line()) == ("ram_plus_swin_large_14m",)
    assert needed_weights("tagging", line(tagger="weights://mine")) == ("mine",)
    assert needed_weights("tagging", line(tagger="/mounted/mine.pth")) == ()
    assert needed_weights("tagging", line(prompts=("screw",))) == ()
    assert needed_weights("tagging", ProductLine(name="kit")) == ()


def test_a_pod_fetches_the_backbone_for_the_stages_that_load_it(weights):
    named = ProductLine(name="kit", backbone={"weights": "weights://mine"})
    (weights / "mine.safetensors").write_bytes(b"mine")
    without_prompts = {name: stage for name, stage in STAGES.items() if name not in {"tagging", "masks"}}

    reading = {
        name for name, stage in without_prompts.items() if weights / "mine.safetensors" in stage.weights(line=named)
    }

    assert reading == READ_BACKBONE == {stage for stage in STAGES if needed_weights(stage, named)}
