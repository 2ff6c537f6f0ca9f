"""The students' fits on the pretended GPU, beside the CPU."""

import pytest
import torch

from csad.images import scan
from csad.lgst.fit import WEIGHTS, fit_lgst
from csad.lgst.pca import fit_pooled, pool
from tests.pretended_gpu import GPU

pytestmark = [
    pytest.mark.usefixtures("pretended_gpu"),
    pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter:UserWarning"),
]


def tensors_of(model):
    """Every tensor that a model computes with, wherever it lies."""
    yield from (model.teacher.mean, model.teacher.std)
    if model.pca:
        yield from (model.pca.mean, model.pca.components)
    for bank in model.memory_banks.values():
        yield from (bank.mean, bank.deviation, bank.patches)
    if model.students:
        yield from model.students.parameters()


@pytest.mark.parametrize(
    ("global_student", "local_student"),
    [("pca", "memory_bank"), ("autoencoder", "pdn"), ("autoencoder", "none"), ("none", "pdn")],
)
def test_every_kind_of_student_is_fitted_to_the_tensors_of_the_cpu(
    tiny_line, tiny_line_data, tmp_path, global_student, local_student
):
    students = {"global_student": global_student, "local_student": local_student}
    line = tiny_line.model_copy(update={"lgst": tiny_line.lgst.model_copy(update=students)})
    images = scan(tiny_line_data, line)
    for name, device in (("gpu", GPU), ("cpu", torch.device("cpu"))):
        (tmp_path / name).mkdir()
        model = fit_lgst(line, images, tmp_path / name, seed=0, device=device)
        assert {tensor.device for tensor in tensors_of(model)} == {device}

    assert (tmp_path / "gpu" / WEIGHTS).read_bytes() == (tmp_path / "cpu" / WEIGHTS).read_bytes()


def test_a_student_of_images_that_do_not_vary_lies_on_the_gpu():
    student = fit_pooled(pool(torch.ones(2, 3, 16, 16, device=GPU)), 0.95, 4)

    assert student.error_map(torch.ones(1, 3, 16, 16, device=GPU)).cpu().max() == 0
