import json
import pickle
from typing import get_args

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from csad.cli import main
from csad.common.errors import StoreError, WeightsError
from csad.config.settings import FoundationSettings
from csad.foundation.published_names import SAM_FILE
from csad.weights.catalogue import PublishedWeights, choose, read_catalogue
from csad.weights.checkpoints import file_digest
from csad.weights.digests import FILE, read_digests
from csad.weights.intake import check, take_in
from csad.weights.mirror import RECORD, StoreMirror
from csad.weights.sync import import_folder, sync


def fill(publisher, value):
    torch.save(
        {"model": {"weight": torch.full((1_000_000,), value), "bias": torch.ones(3)}}, publisher.folder / "tiny.pth"
    )


def test_the_catalogue_names_every_public_file_with_its_licence():
    catalogue = read_catalogue()

    assert {"sam_hq_vit_h", "sam_hq_vit_tiny", "groundingdino_swint_ogc", "ram_plus_swin_large_14m"} <= {
        entry.name for entry in catalogue
    }
    assert len({entry.name for entry in catalogue}) == len(catalogue)
    assert len({entry.file for entry in catalogue if entry.file}) == sum(entry.file is not None for entry in catalogue)
    assert all(entry.licence and entry.megabytes > 0 for entry in catalogue)
    assert all(entry.url.startswith("https://") for entry in catalogue if entry.url)


def test_every_encoder_that_a_line_may_name_can_be_brought():
    files = {entry.file for entry in read_catalogue()}
    encoders = get_args(FoundationSettings.model_fields["sam"].annotation)

    assert {f"{SAM_FILE.format(name=name)}.safetensors" for name in encoders} <= files


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(WeightsError, match=r"no weights are called sam_hqq; expected some of .*sam_hq_vit_h"):
        choose(read_catalogue(), ["sam_hqq"])


def test_a_published_pickle_becomes_safetensors_and_its_digest_is_recorded(publisher, entry, tmp_path):
    folder = tmp_path / "weights"

    assert sync([entry], folder, None) == {"tiny": "download"}

    state = load_file(folder / "tiny.safetensors")
    assert state["weight"].tolist()[-1] == 999_999
    assert read_digests(folder)["tiny"].published == file_digest(publisher.folder / "tiny.pth")
    assert check(entry, folder) is None
    assert not (folder / ".partial" / "tiny").exists()
    assert sync([entry], folder, None) == {"tiny": "present"}
    assert len(publisher.requested) == 1


def test_a_download_that_breaks_off_goes_on_where_it_stopped(publisher, entry, tmp_path):
    size = (publisher.folder / "tiny.pth").stat().st_size
    publisher.break_after = size // 3 + 1

    sync([entry], tmp_path / "weights", None)

    assert [start for _, start in publisher.requested] == [0, size // 3 + 1, 2 * (size // 3 + 1)]
    assert check(entry, tmp_path / "weights") is None


def test_a_download_that_never_ends_is_an_error_and_the_next_call_goes_on(publisher, entry, tmp_path):
    publisher.break_after = 1000
    with pytest.raises(WeightsError, match=r"cannot download http://127.0.0.1.*tiny.pth .*csad weights import"):
        sync([entry], tmp_path / "weights", None)
    publisher.break_after = None

    assert sync([entry], tmp_path / "weights", None) == {"tiny": "download"}
    assert publisher.requested[-1] == ("/tiny.pth", 4000)


def test_a_missing_file_names_the_answer_of_the_server(publisher, entry, tmp_path):
    (publisher.folder / "tiny.pth").unlink()
    with pytest.raises(WeightsError, match="answers 404"):
        sync([entry], tmp_path, None)


def test_a_changed_byte_is_found_and_both_digests_are_named(entry, tmp_path):
    sync([entry], tmp_path, None)
    stored = read_digests(tmp_path)["tiny"].stored
    content = bytearray((tmp_path / "tiny.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "tiny.safetensors").write_bytes(content)

    problem = check(entry, tmp_path)

    assert stored in problem
    assert file_digest(tmp_path / "tiny.safetensors") in problem
    with pytest.raises(WeightsError, match="not the expected one"):
        sync([entry], tmp_path, None)


def test_weights_that_were_swapped_at_the_publisher_are_refused(publisher, entry, tmp_path):
    sync([entry], tmp_path, None)
    first = read_digests(tmp_path)["tiny"].published
    (tmp_path / "tiny.safetensors").unlink()
    fill(publisher, 2.0)

    with pytest.raises(WeightsError, match=f"(?s)weights tiny are not those seen first.*{first}"):
        sync([entry], tmp_path, None)

    assert not (tmp_path / "tiny.safetensors").exists()


def test_a_digest_known_beforehand_must_match(publisher, entry, tmp_path):
    with pytest.raises(WeightsError, match="0" * 64):
        sync([entry.model_copy(update={"sha256": "0" * 64})], tmp_path, None)
    assert not (tmp_path / FILE).exists()


class Harmful:
    def __reduce__(self):
        return (print, ("this ran",))


def test_a_pickle_that_would_run_code_is_refused(publisher, entry, tmp_path, capsys):
    (publisher.folder / "tiny.pth").write_bytes(pickle.dumps({"model": Harmful()}))

    with pytest.raises(WeightsError, match="nothing but tensors"):
        sync([entry], tmp_path, None)

    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize("keep", [0, 10, 100_000])
def test_a_truncated_file_is_refused(publisher, entry, tmp_path, keep):
    content = (publisher.folder / "tiny.pth").read_bytes()
    (publisher.folder / "tiny.pth").write_bytes(content[:keep])

    with pytest.raises(WeightsError):
        take_in(entry, publisher.folder / "tiny.pth", tmp_path)

    assert not (tmp_path / "tiny.safetensors").exists()


def test_tensors_that_share_memory_are_kept_apart(publisher, entry, tmp_path):
    shared = torch.arange(4.0)
    torch.save({"a": shared, "b": shared, "c": shared[::2]}, publisher.folder / "tiny.pth")

    take_in(entry, publisher.folder / "tiny.pth", tmp_path)

    state = load_file(tmp_path / "tiny.safetensors")
    assert [state[name].tolist() for name in "abc"] == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 2]]


def test_the_store_is_filled_once_and_serves_others(publisher, entry, store, tmp_path):
    mirror = StoreMirror(store)
    sync([entry], tmp_path / "first", mirror)

    assert sync([entry], tmp_path / "second", mirror, download_allowed=False) == {"tiny": "store"}

    assert file_digest(tmp_path / "second/tiny.safetensors") == file_digest(tmp_path / "first/tiny.safetensors")
    assert len(publisher.requested) == 1
    assert len(list(store.list("weights/"))) == 2, "the file and the record"


def test_other_weights_under_the_same_name_do_not_reach_the_store(publisher, entry, store, tmp_path):
    mirror = StoreMirror(store)
    sync([entry], tmp_path / "first", mirror)
    fill(publisher, 2.0)
    take_in(entry, publisher.folder / "tiny.pth", tmp_path / "second")

    with pytest.raises(WeightsError, match=r"digests\.json in the store"):
        sync([entry], tmp_path / "second", mirror)


def test_a_damaged_object_of_the_store_is_not_taken(entry, store, tmp_path):
    mirror = StoreMirror(store)
    sync([entry], tmp_path / "first", mirror)
    key = next(key for key in store.list("weights/tiny/"))
    store.put_bytes(key, b"something else")

    with pytest.raises(StoreError, match="damaged"):
        sync([entry], tmp_path / "second", mirror)

    assert not (tmp_path / "second/tiny.safetensors").exists()


def test_without_a_store_and_without_downloads_the_error_says_what_to_do(entry, tmp_path):
    with pytest.raises(WeightsError, match="there is no store, and downloads were forbidden"):
        sync([entry], tmp_path, None, download_allowed=False)


def test_a_damaged_record_in_the_store_is_an_error(entry, store, tmp_path):
    store.put_bytes(RECORD, b"{")
    with pytest.raises(WeightsError, match="is damaged"):
        sync([entry], tmp_path, StoreMirror(store))


@pytest.mark.parametrize("carried", ["tiny.pth", "tiny/tiny.pth", "tiny.safetensors"])
def test_files_that_were_carried_over_are_taken_in(entry, publisher, store, tmp_path, carried):
    source = tmp_path / "usb"
    (source / carried).parent.mkdir(parents=True)
    if carried.endswith(".pth"):
        (publisher.folder / "tiny.pth").rename(source / carried)
    else:
        take_in(entry, publisher.folder / "tiny.pth", source)

    taken = import_folder([entry], source, tmp_path / "weights", StoreMirror(store))

    assert taken == {"tiny": source / carried}
    assert check(entry, tmp_path / "weights") is None
    assert StoreMirror(store).find("tiny") == read_digests(tmp_path / "weights")["tiny"]


def test_another_weights_folder_is_taken_over_with_its_record(publisher, entry, store, tmp_path):
    sync([entry], tmp_path / "first", StoreMirror(store))

    import_folder([entry], tmp_path / "first", tmp_path / "second", StoreMirror(store))

    assert read_digests(tmp_path / "second") == read_digests(tmp_path / "first")
    assert check(entry, tmp_path / "second") is None


def test_a_file_called_model_alone_says_nothing(tmp_path):
    (tmp_path / "usb").mkdir()
    (tmp_path / "usb/model.safetensors").write_bytes(b"of which model?")

    with pytest.raises(WeightsError, match="holds none of the public files"):
        import_folder(choose(read_catalogue(), ["wide_resnet50_2.tv2_in1k"]), tmp_path / "usb", tmp_path, None)


def test_an_entry_is_a_file_or_a_package():
    with pytest.raises(ValueError, match="either file and url, or package"):
        PublishedWeights(name="x", purpose="", licence="", megabytes=1)


def test_the_command_lists_imports_and_verifies(tmp_path, monkeypatch):
    monkeypatch.delenv("CSAD_STORE_ENDPOINT", raising=False)
    source, folder = tmp_path / "usb/bert-base-uncased", tmp_path / "weights"
    source.mkdir(parents=True)
    (source / "vocab.txt").write_text("[PAD]\n")
    environment = {"CSAD_WEIGHTS": str(folder)}

    taken = CliRunner().invoke(main, ["weights", "import", str(tmp_path / "usb"), "--json"], env=environment)
    listed = CliRunner().invoke(main, ["weights", "list", "--json"], env=environment)
    verified = CliRunner().invoke(main, ["weights", "verify"], env=environment)
    (folder / "bert-base-uncased/vocab.txt").write_text("[UNK]\n")
    spoilt = CliRunner().invoke(main, ["weights", "verify"], env=environment)

    assert json.loads(taken.stdout) == {"bert_vocabulary": str(source / "vocab.txt")}
    assert {row["name"] for row in json.loads(listed.stdout) if row["present"]} == {
        "bert_vocabulary",
        "tf_efficientnet_lite0",
    }
    assert verified.exit_code == 0, verified.output
    assert "1 files in" in verified.stdout
    assert spoilt.exit_code == 1
    assert "vocab.txt is not the expected one" in spoilt.output
