import sys

import pytest
import torch

from benchmarks import gpu_table1


def test_a_machine_without_gpu_and_weights_is_told_both(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_table1.missing(None) == [
        "there is no GPU: torch finds no CUDA device",
        "there are no weights: CSAD_WEIGHTS names no folder; run `csad weights sync`",
    ]


def test_each_missing_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    (tmp_path / "sam_hq_vit_h.safetensors").touch()
    (tmp_path / "groundingdino_swint_ogc.pth").touch()
    assert gpu_table1.missing(tmp_path) == [
        f"{tmp_path} holds no wide_resnet50_2.tv2_in1k; run `csad weights sync wide_resnet50_2.tv2_in1k`"
    ]
    (tmp_path / "wide_resnet50_2.tv2_in1k.safetensors").touch()
    assert gpu_table1.missing(tmp_path) == []


def test_without_them_nothing_runs_and_the_exit_code_is_two(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CSAD_WEIGHTS", raising=False)
    monkeypatch.setattr(sys, "argv", ["gpu_table1", "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        gpu_table1.main()
    assert ended.value.code == 2
    assert capsys.readouterr().out.startswith("Nothing was run:\n- there is no GPU")
