"""A user's own weights under a name of their own."""

import json

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from csad.cli import main
from csad.common.errors import WeightsError
from csad.weights.mirror import StoreMirror
from csad.weights.own import push
from csad.weights.resolve import resolve_digests


@pytest.fixture
def pushed(named_store, tmp_path):
    """Pushes a tensor of a value through the command line; what it says."""

    def pushed(value, *options):
        torch.save({"weight": torch.full((3,), value)}, tmp_path / "mine.pth")
        command = ["weights", "push", "mine", str(tmp_path / "mine.pth"), "--folder", str(tmp_path / "weights")]
        return CliRunner().invoke(main, [*command, *options])

    return pushed


def test_a_pushed_pickle_is_kept_as_safetensors_here_and_in_the_store(pushed, store, tmp_path):
    done = pushed(1.0, "--json")

    assert done.exit_code == 0, done.output
    digest = json.loads(done.stdout)["mine"]
    assert load_file(tmp_path / "weights/mine.safetensors")["weight"].tolist() == [1, 1, 1]
    StoreMirror(store).complete("mine", digest, tmp_path / "fetched.safetensors")
    assert load_file(tmp_path / "fetched.safetensors")["weight"].tolist() == [1, 1, 1]
    listed = CliRunner().invoke(main, ["weights", "list", "--store", "--json"])
    assert json.loads(listed.stdout) == {"mine": digest}


def test_another_file_of_the_name_is_refused_until_it_is_renewed_and_pins_keep_the_old_one(pushed, store):
    old = json.loads(pushed(1.0, "--json").stdout)["mine"]

    refused = pushed(2.0)
    new = json.loads(pushed(2.0, "--renew", "--json").stdout)["mine"]

    assert refused.exit_code == 1
    assert "weights mine are not those seen first" in refused.output
    assert new != old
    mirror = StoreMirror(store)
    assert resolve_digests(["mine"], {}, mirror) == {"mine": new}
    assert resolve_digests(["mine"], {"mine": old}, mirror) == {"mine": old}


def test_a_pin_of_a_file_that_the_store_never_had_is_refused_with_both_digests(pushed, store):
    new = json.loads(pushed(1.0, "--json").stdout)["mine"]

    with pytest.raises(WeightsError, match=f"the store has the sha256 {new}, pinned_weights says {'0' * 64}"):
        resolve_digests(["mine"], {"mine": "0" * 64}, StoreMirror(store))


def test_all_that_the_store_lacks_is_said_at_once(store):
    with pytest.raises(WeightsError) as failure:
        resolve_digests(["sam_hq_vit_h", "mine", "bert_model"], {}, StoreMirror(store))

    assert str(failure.value).startswith("the store has no weights sam_hq_vit_h, mine, bert_model; ")
    assert "`csad weights sync sam_hq_vit_h bert_model`" in str(failure.value)
    assert "`csad weights push mine FILE`" in str(failure.value)


def test_a_record_without_its_object_counts_as_missing(pushed, store):
    digest = json.loads(pushed(1.0, "--json").stdout)["mine"]
    store.delete([f"weights/mine/{digest}"])

    with pytest.raises(WeightsError, match="the store has no weights mine"):
        resolve_digests(["mine"], {}, StoreMirror(store))


def test_the_name_of_public_weights_and_a_name_that_no_file_can_have_are_refused(store, tmp_path):
    (tmp_path / "mine.pth").write_bytes(b"")
    with pytest.raises(WeightsError, match="bert_model are public weights; mirror them with `csad weights sync"):
        push("bert_model", tmp_path / "mine.pth", tmp_path, StoreMirror(store))
    with pytest.raises(WeightsError, match=r"'\.\./mine' is no name for weights"):
        push("../mine", tmp_path / "mine.pth", tmp_path, StoreMirror(store))
