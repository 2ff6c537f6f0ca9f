import pytest
import torch
from torch import nn

from csad.compute.averaging import averaged_model


def numbers(value):
    module = nn.Module()
    module.weight = nn.Parameter(torch.tensor([float(value)]))
    module.register_buffer("mean", torch.tensor([float(value)]))
    module.register_buffer("seen", torch.tensor([value]))
    return module


def set_to(module, value):
    with torch.no_grad():
        module.weight.fill_(value)
        module.mean.fill_(value)
        module.seen.fill_(value)


def test_an_average_begins_at_the_model_and_keeps_a_tenth_of_that_in_the_first_step():
    model = numbers(10)
    averaged = averaged_model(model, decay=0.999)
    assert averaged.module.weight.item() == 10

    set_to(model, 20)
    averaged.update_parameters(model)

    # 1 / 10 of 10 and 9 / 10 of 20; then 2 / 11 of 19 and 9 / 11 of 30.
    assert averaged.module.weight.item() == pytest.approx(19)
    set_to(model, 30)
    averaged.update_parameters(model)
    assert averaged.module.weight.item() == pytest.approx((2 * 19 + 9 * 30) / 11)


def test_buffers_are_averaged_and_counts_are_copied():
    model = numbers(10)
    averaged = averaged_model(model, decay=0.999)
    set_to(model, 20)
    averaged.update_parameters(model)
    assert averaged.module.mean.item() == pytest.approx(19)
    assert averaged.module.seen.item() == 20


def test_no_step_keeps_more_than_the_decay():
    model = numbers(0)
    averaged = averaged_model(model, decay=0.5)
    for _ in range(20):
        averaged.update_parameters(model)
    set_to(model, 1)
    averaged.update_parameters(model)
    assert averaged.module.weight.item() == 0.5


def test_the_average_takes_no_part_in_training():
    averaged = averaged_model(numbers(1), decay=0.9)
    assert not any(parameter.requires_grad for parameter in averaged.parameters())
