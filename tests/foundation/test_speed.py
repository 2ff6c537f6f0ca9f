"""What the foundation models take: the command, with small networks on the CPU."""

import sys

import pytest

from benchmarks import foundation_speed
from benchmarks.foundation_speed import DECODE, ENCODE, FoundationSpeed, Timing, seconds_per_image
from csad.common.errors import WeightsError
from tests.foundation.tiny_models import SKIP


def timing(network, work, seconds):
    return Timing(network=network, work=work, seconds=seconds, fastest=seconds, slowest=seconds, peak_megabytes=None)


def test_an_image_in_fine_mode_is_encoded_with_its_four_crops_and_each_is_asked_at_the_grid():
    timings = [
        timing("RAM++", "tag the image", 100),
        timing("Grounding DINO Swin-T", "find the prompts", 0.5),
        timing("SAM-HQ vit_h", ENCODE, 2),
        timing("SAM-HQ vit_h", DECODE, 1),
    ]
    (found,) = seconds_per_image(timings, 1024).items()
    assert found == ("SAM-HQ vit_h, fine: 5 encodings, 5 grids, Grounding DINO once", 5 * 2 + 5 * 1 + 0.5)


def test_every_network_is_timed_and_the_record_says_what_it_is_of(monkeypatch, tmp_path, capsys):
    config = pytest.importorskip("groundingdino.config.GroundingDINO_SwinT_OGC", reason=SKIP)
    for name, value in {"enc_layers": 1, "dec_layers": 1, "num_queries": 30}.items():
        monkeypatch.setattr(config, name, value)
    output = tmp_path / "speed.json"
    monkeypatch.setattr(
        sys, "argv", ["foundation_speed", "--device", "cpu", "--small", "--output", str(output), "--commit", "abc"]
    )

    foundation_speed.main()

    found = FoundationSpeed.model_validate_json(output.read_text(encoding="utf-8"))
    assert [(one.network, one.work) for one in found.timings] == [
        ("RAM++", "tag the image"),
        ("Grounding DINO Swin-T", "find the prompts"),
        ("SAM-HQ vit_tiny", "encode the image"),
        ("SAM-HQ vit_tiny", "decode the grid"),
    ]
    assert all(0 < one.fastest <= one.seconds <= one.slowest for one in found.timings)
    assert {one.peak_megabytes for one in found.timings} == {None}  # there is no GPU whose memory could be read
    assert (found.small, found.weights, found.side, found.prompts, found.commit) == (True, "random", 256, 4, "abc")
    text = capsys.readouterr().out
    assert "small networks, whose times say nothing, random weights" in text
    assert "| SAM-HQ vit_tiny | decode the grid |" in text


def test_without_the_packages_the_command_says_where_they_are(monkeypatch):
    def absent(name):
        raise WeightsError("the foundation models need the package segment_anything_hq")

    monkeypatch.setattr(foundation_speed, "random_sam", absent)
    monkeypatch.setattr(foundation_speed, "time_grounding", lambda *_: iter(()))
    monkeypatch.setattr(sys, "argv", ["foundation_speed", "--device", "cpu", "--small"])
    with pytest.raises(SystemExit) as ended:
        foundation_speed.main()
    assert ended.value.code == "Error: the foundation models need the package segment_anything_hq"
