"""What a machine lacks for a line's foundation models is known before anything is loaded."""

import pytest

from csad.config.line import ProductLine
from csad.foundation import readiness
from csad.foundation.readiness import what_is_missing
from csad.proposals.proposers import proposer_of

BERT = ("config.json", "vocab.txt", "model.safetensors")


@pytest.fixture
def installed(monkeypatch):
    """Names of the packages that are there; both of them to begin with."""
    names = {"segment_anything_hq", "groundingdino"}
    monkeypatch.setattr(readiness, "find_spec", lambda name: name if name in names else None)
    return names


@pytest.fixture
def weights(tmp_path, monkeypatch, installed):
    """A weights folder that has everything, as far as one can see without reading."""
    monkeypatch.setenv("CSAD_WEIGHTS", str(tmp_path))
    (tmp_path / "bert-base-uncased").mkdir()
    for name in (
        "sam_hq_vit_h.safetensors",
        "groundingdino_swint_ogc.pth",
        "ram_plus_swin_large_14m.safetensors",
        *(f"bert-base-uncased/{name}" for name in BERT),
    ):
        (tmp_path / name).touch()
    return tmp_path


def line(prompts=None, tagger=None, **pseudo_labels):
    tags = {"prompts": prompts, "weights": tagger}
    return ProductLine(name="kit", tags=tags, pseudo_labels={"proposals": "foundation", **pseudo_labels})


@pytest.mark.usefixtures("weights")
def test_nothing_is_missing_where_everything_is():
    assert what_is_missing(line()) == ()


def test_the_classical_proposals_need_nothing(monkeypatch):
    monkeypatch.delenv("CSAD_WEIGHTS", raising=False)
    kit = ProductLine(name="kit")
    assert proposer_of(kit).missing(kit) == ()


def test_missing_files_are_named_with_the_command_that_brings_them(weights):
    for name in ("sam_hq_vit_h.safetensors", "ram_plus_swin_large_14m.safetensors", "bert-base-uncased/vocab.txt"):
        (weights / name).unlink()
    (missing,) = what_is_missing(line())
    assert "`csad weights sync sam_hq_vit_h ram_plus_swin_large_14m bert_vocabulary`" in missing


def test_what_the_line_does_not_use_is_not_asked_for(weights, installed):
    for name in ("groundingdino_swint_ogc.pth", "ram_plus_swin_large_14m.safetensors"):
        (weights / name).unlink()
    installed.remove("groundingdino")
    assert what_is_missing(line(prompts=(), mode="fine")) == ()
    assert what_is_missing(line(prompts=("screw",), mode="fine", filter_by_grounding=False)) == ()
    assert len(what_is_missing(line(prompts=("screw",), mode="fine"))) == 2


@pytest.mark.usefixtures("weights")
def test_a_package_that_is_not_installed_is_named_with_its_environment(installed):
    installed.remove("segment_anything_hq")
    (missing,) = what_is_missing(line())
    assert "segment_anything_hq" in missing
    assert "make foundation" in missing


@pytest.mark.usefixtures("installed")
def test_without_a_weights_folder_the_remedy_is_to_name_one(monkeypatch):
    monkeypatch.delenv("CSAD_WEIGHTS", raising=False)
    (missing,) = what_is_missing(line())
    assert "CSAD_WEIGHTS" in missing


@pytest.mark.usefixtures("weights")
def test_a_tagging_model_of_the_lines_own_must_exist(tmp_path):
    (missing,) = what_is_missing(line(tagger=str(tmp_path / "ram.pth")))
    assert "ram.pth, which does not exist" in missing
