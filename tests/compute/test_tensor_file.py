import pytest
import torch
from safetensors.torch import load_file

from csad.compute.tensor_file import save_tensors


def test_what_is_written_may_be_read_by_others(tmp_path):
    path = tmp_path / "weights.safetensors"

    save_tensors({"a": torch.arange(6.0).view(2, 3).T}, path)

    assert path.stat().st_mode & 0o777 == 0o644
    assert load_file(path)["a"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_tensors({"a": torch.ones(1)}, path)
    shared = torch.zeros(4)

    with pytest.raises(RuntimeError, match="share memory"):
        save_tensors({"a": shared, "b": shared}, path)

    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert load_file(path)["a"].tolist() == [1]
