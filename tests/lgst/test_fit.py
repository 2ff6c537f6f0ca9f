from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from csad.common.errors import StageError
from csad.features.backbone import load_backbone
from csad.features.compiled import CompiledPyramid
from csad.images import read_rgb, scan
from csad.images.training_images import canvas_of
from csad.imaging.canvas_store import to_tensor
from csad.lgst.fit import WEIGHTS, fit_lgst, load_lgst


@pytest.fixture(scope="module")
def images(tiny_line, tiny_line_data):
    return scan(tiny_line_data, tiny_line)


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("tf_efficientnet_lite0", stages=3)


def line_with(line, **changes):
    return line.model_copy(update={"lgst": line.lgst.model_copy(update=changes)})


def test_the_default_students_need_no_training_and_load_again(tiny_line, images, backbone, tmp_path):
    model = fit_lgst(tiny_line, images, tmp_path, seed=0)

    assert set(model.memory_banks) == {"local", "neighbourhood", "detail"}
    assert all(len(bank.patches) == 200 for bank in model.memory_banks.values())
    assert 1 <= len(model.pca.components) <= 4
    assert model.students is None
    assert isinstance(model.teacher.backbone.pyramid, CompiledPyramid), "fitted through OpenVINO"
    loaded = load_lgst(tmp_path, backbone)
    canvas = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(loaded.teacher(canvas), model.teacher(canvas), atol=1e-4, rtol=1e-4)
    pyramid = backbone(canvas)
    for name, bank in model.memory_banks.items():
        # Patches are kept in half precision, so the nearest of two that are as near may be the other one.
        again = loaded.memory_banks[name]
        torch.testing.assert_close(again.nearest(pyramid)[0], bank.nearest(pyramid)[0], atol=0.05, rtol=0.01)
        same = again.nearest(pyramid)[1] == bank.nearest(pyramid)[1]
        assert same.float().mean() > 0.9
        unusual, wanted = again.deviation_map(pyramid)[same], bank.deviation_map(pyramid)[same]
        torch.testing.assert_close(unusual, wanted, atol=0.05, rtol=0.01)


def test_the_global_student_sees_images_from_the_whole_set_not_the_first_by_name(
    tiny_line, images, tmp_path, monkeypatch
):
    fits = []
    for files in (images.train, images.train[::-1]):
        monkeypatch.setattr("csad.lgst.fit.MAXIMUM_IMAGES", 2)
        monkeypatch.setattr("csad.lgst.one_pass.COPIES", 0)
        fits.append(fit_lgst(tiny_line, replace(images, train=files), tmp_path, seed=0).pca.mean)

    # The first and the last are seen, whichever way round.
    torch.testing.assert_close(fits[0], fits[1], atol=1e-4, rtol=1e-4)


def test_students_that_are_switched_off_are_absent(tiny_line, images, backbone, tmp_path):
    line = line_with(tiny_line, global_student="none", local_student="none")

    fit_lgst(line, images, tmp_path, seed=0)

    loaded = load_lgst(tmp_path, backbone)
    assert (loaded.pca, loaded.memory_banks, loaded.students) == (None, {}, None)


@pytest.mark.parametrize("broken", [None, b"no tensors"])
def test_an_incomplete_output_says_which_stage_to_run_again(broken, backbone, tmp_path):
    if broken:
        (tmp_path / WEIGHTS).write_bytes(broken)

    with pytest.raises(StageError, match=r"holds no whole LGST model .* run the lgst stage again"):
        load_lgst(tmp_path, backbone)


def test_memory_banks_know_products_that_lie_a_little_aside(tiny_line, images, backbone, tmp_path, monkeypatch):
    line = line_with(tiny_line, coreset_size=1000, global_student="none")
    moved = torch.stack(
        [to_tensor(canvas_of(line, images).to_input(read_rgb(file.path))[None])[0] for file in images.validation]
    )
    moved = functional.pad(moved, (8, 0, 8, 0), mode="replicate")[:, :, :-8, :-8]

    def distance(reach):
        monkeypatch.setattr("csad.lgst.copies.REACH", reach)
        banks = fit_lgst(line, images, tmp_path, seed=0).memory_banks
        return {name: float(bank.nearest(backbone(moved))[0].mean()) for name, bank in banks.items()}

    with_moved_copies, without = distance(8), distance(0)
    assert all(with_moved_copies[name] < 0.9 * without[name] for name in without)
