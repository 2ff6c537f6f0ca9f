import math
from dataclasses import asdict, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csad.common.errors import StoreError
from csad.common.hashing import json_sha256
from csad.store import registry
from csad.store.failures import Damaged
from csad.store.registry import (
    FileRecord,
    ModelLabels,
    fetch_file,
    fetch_model,
    list_models,
    register_model,
    show_model,
)

LABELS = ModelLabels(
    line="bottle",
    snapshot_digest="d" * 64,
    git_commit="0123abc",
    config_digest="c" * 64,
    seed=7,
    scores={"logical": 91.25, "structural": None},
)


def change(model, number=1):
    (model / "backbone.safetensors").write_bytes(b"other" * number)


def test_a_registered_model_comes_back_with_its_labels(store, model, tmp_path):
    (tmp_path / "bento").write_bytes(b"a bento")
    made = register_model(store, model, LABELS, {"bento.tar.gz": tmp_path / "bento"})
    assert made.version == f"{made.version[:16]}-{made.content[:8]}"
    assert set(made.files) == {"model/model.json", "model/backbone.safetensors", "bento.tar.gz"}
    assert made.files["bento.tar.gz"].bytes == 7
    assert show_model(store, "bottle", made.version) == made
    assert list_models(store, "bottle") == [made]
    assert fetch_model(store, "bottle", made.version, tmp_path / "copy") == made
    for name in ("model.json", "backbone.safetensors"):
        assert (tmp_path / "copy" / name).read_bytes() == (model / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["backbone.safetensors", "model.json"]
    sha256 = fetch_file(store, "bottle", made.version, "bento.tar.gz", tmp_path / "fetched")
    assert sha256 == made.files["bento.tar.gz"].sha256
    assert (tmp_path / "fetched").read_bytes() == b"a bento"


def test_a_registered_model_says_which_kinds_its_scores_are_over(store, model):
    made = register_model(store, model, replace(LABELS, score_kinds={"mean": ("logical", "dents")}))
    assert show_model(store, "bottle", made.version).labels.score_kinds == {"mean": ("logical", "dents")}


def test_a_model_registered_before_kinds_were_kept_is_still_whole(store, model):
    made = register_model(store, model, LABELS)
    content = {"labels": asdict(LABELS), "files": {name: asdict(file) for name, file in made.files.items()}}
    del content["labels"]["score_kinds"]
    assert made.content == json_sha256(content)
    assert show_model(store, "bottle", made.version).labels.score_kinds == {}


def test_versions_are_listed_in_the_order_of_their_registration(store, model, monkeypatch):
    made = []
    for number in range(3):
        change(model, number)
        made.append(register_model(store, model, LABELS))
    assert sorted(version.version for version in made) == [found.version for found in list_models(store, "bottle")]
    assert list_models(store, "can") == []


def test_the_same_model_again_is_the_version_that_it_has(store, model, requests):
    made = register_model(store, model, LABELS)
    requests.clear()
    assert register_model(store, model, LABELS) == made
    assert not [request for request in requests if request.startswith("PUT")]


def test_other_labels_make_another_version(store, model):
    one = register_model(store, model, LABELS)
    two = register_model(store, model, replace(LABELS, scores={"logical": 91.26, "structural": None}))
    assert one.version != two.version
    assert len(list_models(store, "bottle")) == 2


def test_a_version_never_changes(store, model):
    made = register_model(store, model, LABELS)
    manifest = f"models/bottle/{made.version}/manifest.json"
    before = store.read_bytes(manifest)
    register_model(store, model, LABELS)
    change(model)
    register_model(store, model, LABELS)
    assert store.read_bytes(manifest) == before


def test_an_interrupted_registration_shows_nothing_and_goes_on_under_its_name(store, model, monkeypatch, tmp_path):
    def failing(key, content, **conditions):
        raise StoreError("the cable was pulled")

    monkeypatch.setattr(store, "put_bytes", failing)
    with pytest.raises(StoreError, match="cable"):
        register_model(store, model, LABELS)
    monkeypatch.undo()
    (begun,) = store.list_folders("models/bottle/")
    assert list_models(store, "bottle") == []
    for look in (show_model, lambda *where: fetch_model(*where, tmp_path / "copy")):
        with pytest.raises(StoreError, match=f"line bottle has no version {begun}"):
            look(store, "bottle", begun)
    assert register_model(store, model, LABELS).version == begun
    assert len(list_models(store, "bottle")) == 1


def test_a_damaged_file_is_refused(store, model, tmp_path):
    made = register_model(store, model, LABELS)
    size = made.files["model/backbone.safetensors"].bytes
    store.put_bytes(f"models/bottle/{made.version}/model/backbone.safetensors", b"x" * size)
    with pytest.raises(Damaged, match=r"model/backbone\.safetensors in the store is damaged"):
        fetch_model(store, "bottle", made.version, tmp_path / "copy")
    assert not (tmp_path / "copy" / "backbone.safetensors").exists()


def test_a_lost_file_is_named(store, model, tmp_path):
    made = register_model(store, model, LABELS)
    store.delete([f"models/bottle/{made.version}/model/model.json"])
    with pytest.raises(StoreError, match=r"model/model\.json"):
        fetch_model(store, "bottle", made.version, tmp_path / "copy")


@pytest.mark.parametrize(("old", "new"), [(b"91.25", b"99.99"), (b'"seed": 7', b'"seed": 8'), (b"model/", b"..///")])
def test_changed_labels_are_never_believed(store, model, old, new):
    made = register_model(store, model, LABELS)
    key = f"models/bottle/{made.version}/manifest.json"
    content = store.read_bytes(key)[0]
    assert old in content
    store.put_bytes(key, content.replace(old, new))
    with pytest.raises(Damaged, match=r"manifest\.json in the store is damaged"):
        show_model(store, "bottle", made.version)


def test_the_manifest_of_another_version_is_refused(store, model):
    one = register_model(store, model, LABELS)
    change(model)
    two = register_model(store, model, LABELS)
    other = store.read_bytes(f"models/bottle/{two.version}/manifest.json")[0]
    store.put_bytes(f"models/bottle/{one.version}/manifest.json", other)
    with pytest.raises(Damaged, match="it describes another version"):
        show_model(store, "bottle", one.version)


def test_a_fetched_model_is_not_fetched_again_but_mended(store, model, tmp_path, requests):
    made = register_model(store, model, LABELS)
    fetch_model(store, "bottle", made.version, tmp_path / "copy")
    (tmp_path / "copy" / "model.json").write_text("changed")
    requests.clear()
    fetch_model(store, "bottle", made.version, tmp_path / "copy")
    assert [request.rpartition("/")[2] for request in requests] == ["manifest.json", "model.json"]
    assert (tmp_path / "copy" / "model.json").read_bytes() == (model / "model.json").read_bytes()


def test_a_folder_that_is_no_model_is_not_registered(store, tmp_path):
    with pytest.raises(StoreError, match=r"it has no model\.json"):
        register_model(store, tmp_path, LABELS)


@pytest.mark.parametrize("name", ["manifest.json", "../x", "model", "a/b"])
def test_files_beside_the_model_cannot_take_its_place(store, model, name):
    with pytest.raises(StoreError, match="cannot lie beside a model"):
        register_model(store, model, LABELS, {name: model / "model.json"})
    assert list(store.list("")) == []


def test_a_file_that_a_version_lacks_is_named_with_those_it_has(store, model, tmp_path):
    made = register_model(store, model, LABELS)
    with pytest.raises(StoreError, match=r"has no file bento\.tar\.gz; it has: model/backbone"):
        fetch_file(store, "bottle", made.version, "bento.tar.gz", tmp_path / "bento")


def test_hidden_files_stay_behind(store, model):
    (model / ".lock").write_text("")
    assert set(register_model(store, model, LABELS).files) == {"model/model.json", "model/backbone.safetensors"}


PART = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,12}", fullmatch=True)
NAMES = st.lists(PART.filter(lambda name: not name.endswith(".")), min_size=1, max_size=3).map("/".join)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.sets(NAMES, min_size=1, max_size=4), scores=st.dictionaries(st.text(max_size=5), st.none() | st.floats())
)
def test_any_names_and_scores_survive_the_way_there_and_back(store, tmp_path_factory, names, scores):
    folder = tmp_path_factory.mktemp("model")
    (folder / "model.json").write_text("{}")
    for name in names:
        if any(part.exists() and not part.is_dir() for part in (folder / name).parents) or (folder / name).exists():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    made = register_model(store, folder, replace(LABELS, scores=scores))
    copy = tmp_path_factory.mktemp("copy")
    found = fetch_model(store, "bottle", made.version, copy)
    assert found == made
    assert found.labels.scores == {
        name: score if score is not None and math.isfinite(score) else None for name, score in scores.items()
    }
    for name in made.files:
        relative = name.removeprefix(registry.MODEL)
        assert (copy / relative).read_bytes() == (folder / relative).read_bytes()
    assert all(isinstance(record, FileRecord) for record in found.files.values())
