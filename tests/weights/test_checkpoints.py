import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from csad.common.errors import WeightsError
from csad.weights.checkpoints import file_digest, load_strictly, read_state, verify_digest


class Counted(nn.Module):
    """A layer with a buffer that it computes."""

    position_ids: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.register_buffer("position_ids", torch.arange(4))


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return {"weight": torch.arange(6.0).view(2, 3), "bias": torch.tensor([7.0, 8.0])}


def pickled(state: object, folder: Path) -> Path:
    torch.save(state, folder / "weights.pth")
    return folder / "weights.pth"


def refusal(module: nn.Module, path: Path, **options: object) -> str:
    with pytest.raises(WeightsError) as caught:
        load_strictly(module, path, **options)
    return str(caught.value)


def test_safetensors_fill_the_module_and_their_digest_is_told(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(weights, path)
    layer = nn.Linear(3, 2)
    assert load_strictly(layer, path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert layer.weight.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert layer.bias.tolist() == [7, 8]


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict"])
def test_a_pickle_may_hold_the_state_dict_plain_or_wrapped(
    tmp_path: Path, weights: dict[str, Tensor], wrapper: str | None
) -> None:
    path = pickled(weights if wrapper is None else {wrapper: weights, "epoch": 3}, tmp_path)
    layer = nn.Linear(3, 2)
    load_strictly(layer, path)
    assert layer.bias.tolist() == [7, 8]


def test_an_old_style_pickle_is_read_too(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = tmp_path / "old.pth"
    torch.save(weights, path, _use_new_zipfile_serialization=False)
    assert read_state(path)["bias"].tolist() == [7, 8]


def test_half_precision_files_fill_a_single_precision_module(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled({name: tensor.half() for name, tensor in weights.items()}, tmp_path)
    layer = nn.Linear(3, 2)
    load_strictly(layer, path)
    assert layer.weight.dtype == torch.float32
    assert layer.bias.tolist() == [7, 8]


def test_a_module_on_the_meta_device_receives_the_tensors(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled(weights, tmp_path)
    with torch.device("meta"):
        layer = nn.Linear(3, 2)
    load_strictly(layer, path)
    assert layer(torch.ones(1, 3)).tolist() == [[10, 20]]


def test_prefixes_are_mapped(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled({f"module.head.{name}": tensor for name, tensor in weights.items()}, tmp_path)
    layer = nn.Linear(3, 2)
    load_strictly(layer, path, prefix_map={"module.": "wrong.", "module.head.": ""})
    assert layer.bias.tolist() == [7, 8]


def test_two_tensors_that_map_to_one_name_are_refused(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled(weights | {"module.bias": torch.zeros(2)}, tmp_path)
    assert "two tensors for 'bias'" in refusal(nn.Linear(3, 2), path, prefix_map={"module.": ""})


def test_missing_and_unexpected_tensors_are_named_and_counted(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    strangers = {f"extra{number}": torch.zeros(1) for number in range(7)}
    path = pickled({"weight": weights["weight"]} | strangers, tmp_path)
    message = refusal(nn.Linear(3, 2), path)
    assert "1 of 2 tensors are missing (bias)" in message
    assert "7 are unexpected (extra0, extra1, extra2, extra3, extra4 and 2 more)" in message
    assert str(path) in message
    assert "Linear" in message


def test_a_wrong_shape_is_named_with_both_shapes(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled(weights | {"bias": torch.zeros(5)}, tmp_path)
    message = refusal(nn.Linear(3, 2), path)
    assert "1 of 2 tensors have another shape: bias (5,) instead of (2,)" in message


def test_a_wrong_type_is_refused(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled(weights | {"bias": torch.zeros(2, dtype=torch.int64)}, tmp_path)
    assert "bias torch.int64 instead of torch.float32" in refusal(nn.Linear(3, 2), path)


def test_a_refused_file_leaves_the_module_as_it_was(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.clone()
    refusal(layer, pickled(weights | {"bias": torch.zeros(5)}, tmp_path))
    assert torch.equal(layer.weight, before)


def test_what_is_computed_may_be_missing_from_the_file(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled({f"layer.{name}": tensor for name, tensor in weights.items()}, tmp_path)
    module = Counted()
    assert "position_ids" in refusal(module, path)
    load_strictly(module, path, computed=("position_ids",))
    assert module.position_ids.tolist() == [0, 1, 2, 3]


def test_what_is_computed_may_be_unknown_to_the_module(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled(weights | {"embeddings.position_ids": torch.arange(9)}, tmp_path)
    layer = nn.Linear(3, 2)
    load_strictly(layer, path, computed=("position_ids",))
    assert layer.bias.tolist() == [7, 8]


def test_the_files_copy_of_what_is_computed_is_left_out(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    state = {f"layer.{name}": tensor for name, tensor in weights.items()} | {"position_ids": torch.ones(9)}
    module = Counted()
    load_strictly(module, pickled(state, tmp_path), computed=("position_ids",))
    assert module.position_ids.tolist() == [0, 1, 2, 3]


def test_an_optional_tensor_may_be_missing_or_there(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    layer = nn.Linear(3, 2)
    before = layer.bias.tolist()
    load_strictly(layer, pickled({"weight": weights["weight"]}, tmp_path), optional=("bias",))
    assert layer.bias.tolist() == before
    load_strictly(layer, pickled(weights, tmp_path), optional=("bias",))
    assert layer.bias.tolist() == [7, 8]


def test_an_unused_tensor_may_be_there(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled(weights | {"loss.scale": torch.ones(1)}, tmp_path)
    assert "loss.scale" in refusal(nn.Linear(3, 2), path)
    load_strictly(nn.Linear(3, 2), path, unused=("loss.scale",))


def test_the_digest_is_verified_before_anything_is_read(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled(weights, tmp_path)
    good = file_digest(path)
    load_strictly(nn.Linear(3, 2), path, sha256=good.upper())
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    message = refusal(nn.Linear(3, 2), path, sha256=good)
    assert good in message
    assert file_digest(path) in message
    assert str(path) in message


def test_swapped_files_are_told_apart_by_digest(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = pickled(weights, tmp_path)
    with pytest.raises(WeightsError, match="0" * 64):
        verify_digest(path, "0" * 64)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("part", [0, 0.3, 0.9])
def test_a_truncated_file_is_refused(tmp_path: Path, weights: dict[str, Tensor], name: str, part: float) -> None:
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    message = refusal(nn.Linear(3, 2), path)
    assert str(path) in message
    assert "cannot be read" in message


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_garbage_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"<html>404 not found</html>" * 100)
    assert "fetch it again" in refusal(nn.Linear(3, 2), path)


def test_a_pickle_of_a_program_is_refused_without_running_it(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    class Program:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return os.mkdir, (str(trace),)

    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(Program(), protocol=2))
    refusal(nn.Linear(3, 2), path)
    torch.save({"weight": Program()}, path)
    refusal(nn.Linear(3, 2), path)
    assert not trace.exists()


@pytest.mark.parametrize(("content", "expected"), [([1.0], "a list"), ({}, "an empty mapping"), ({"a": 1}, "a hold")])
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, content: object, expected: str) -> None:
    assert expected in refusal(nn.Linear(3, 2), pickled(content, tmp_path))


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    message = refusal(nn.Linear(3, 2), tmp_path / "absent.safetensors")
    assert "absent.safetensors does not exist" in message
    assert "csad weights sync" in message
    assert "is a folder" in refusal(nn.Linear(3, 2), tmp_path)
