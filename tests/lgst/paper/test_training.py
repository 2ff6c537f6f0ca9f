import logging
from dataclasses import replace

import pytest
import torch

from csad.common.errors import DatasetError, StageError
from csad.config.settings import LgstSettings
from csad.lgst.maps import MapNormaliser
from csad.lgst.paper import training
from csad.lgst.paper.training import StudentTraining, train_students
from csad.lgst.teacher import Teacher
from tests.lgst.toy import ToyBackbone, fit_teacher, toy_images, with_red_spot

TINY = StudentTraining(steps=6, batch=2, width=4, bottleneck=4, window=32, checkpoint_every=2)


@pytest.fixture(scope="module")
def images():
    return toy_images(8, seed=0)


@pytest.fixture(scope="module")
def teacher(images):
    return fit_teacher(ToyBackbone(), [torch.stack(images)], channels=8, seed=0)


def weights(students):
    return {name: tensor for name, tensor in students.tensors().items() if name != "architecture"}


def assert_equal_weights(first, second):
    assert weights(first).keys() == weights(second).keys()
    for name, tensor in weights(first).items():
        assert torch.equal(tensor, weights(second)[name]), name


def test_training_makes_normal_images_familiar_and_a_patch_never_seen_strange():
    images = toy_images(16, seed=0)
    teacher = fit_teacher(ToyBackbone(), [torch.stack(images)], channels=8, seed=0)
    settings = StudentTraining(steps=80, batch=4, learning_rate=5e-3, average=0.9, width=8, bottleneck=8, window=64)
    held_out = torch.stack(toy_images(6, seed=1))
    spoilt = torch.stack([with_red_spot(image) for image in held_out])

    untrained = train_students(teacher, images, replace(settings, steps=1, learning_rate=1e-9), seed=0)
    students = train_students(teacher, images, settings, seed=0)

    before, after = (network.maps(held_out, teacher(held_out)) for network in (untrained, students))
    assert after.local.mean() < 0.9 * before.local.mean()
    assert after.global_student.mean() < 0.9 * before.global_student.mean()
    normalised = MapNormaliser.fit([after.average()], seed=0)
    normal = normalised(after.average()).amax(dim=(1, 2))
    strange = normalised(students.maps(spoilt, teacher(spoilt)).average()).amax(dim=(1, 2))
    assert strange.min() > 2 * normal.max()


def test_the_same_seed_gives_the_same_students(teacher, images):
    first = train_students(teacher, images, TINY, seed=3)

    assert_equal_weights(first, train_students(teacher, images, TINY, seed=3))
    other = train_students(teacher, images, TINY, seed=4)
    assert not torch.equal(first.local.teacher_head.weight, other.local.teacher_head.weight)


def test_training_leaves_the_global_random_state_alone(teacher, images):
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)

    train_students(teacher, images, TINY, seed=0)

    assert torch.equal(torch.rand(3), expected)


def test_a_killed_run_resumes_and_ends_like_an_uninterrupted_one(teacher, images, tmp_path, monkeypatch):
    whole = train_students(teacher, images, TINY, seed=0)
    checkpoint = tmp_path / "students.safetensors"
    steps_taken = []

    def killed_in_step_five(loss, step, settings):
        steps_taken.append(step)
        if step == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "check_finite", killed_in_step_five)
        with pytest.raises(KeyboardInterrupt):
            train_students(teacher, images, TINY, seed=0, checkpoint=checkpoint)
    with monkeypatch.context() as patch:
        patch.setattr(training, "check_finite", lambda loss, step, settings: steps_taken.append(step))
        resumed = train_students(teacher, images, TINY, seed=0, checkpoint=checkpoint)

    assert steps_taken == [0, 1, 2, 3, 4, 4, 5]
    assert_equal_weights(resumed, whole)
    assert [path.name for path in tmp_path.iterdir()] == ["students.safetensors"]


@pytest.mark.parametrize("change", ["seed", "settings", "images"])
def test_a_checkpoint_of_another_run_is_not_continued(teacher, images, tmp_path, caplog, change):
    checkpoint = tmp_path / "students.safetensors"
    train_students(teacher, images, TINY, seed=0, checkpoint=checkpoint)
    seed = 1 if change == "seed" else 0
    settings = replace(TINY, weight_decay=0.0) if change == "settings" else TINY
    shown = images[:7] if change == "images" else images

    with caplog.at_level(logging.WARNING):
        students = train_students(teacher, shown, settings, seed, checkpoint=checkpoint)

    assert "belongs to other images or settings" in caplog.text
    assert_equal_weights(students, train_students(teacher, shown, settings, seed))


def test_a_damaged_checkpoint_is_not_continued(teacher, images, tmp_path, caplog):
    checkpoint = tmp_path / "students.safetensors"
    checkpoint.write_bytes(b"not a checkpoint")

    with caplog.at_level(logging.WARNING):
        students = train_students(teacher, images, TINY, seed=0, checkpoint=checkpoint)

    assert "cannot be read" in caplog.text
    assert_equal_weights(students, train_students(teacher, images, TINY, seed=0))


def test_a_loss_that_is_not_finite_stops_with_advice(teacher, images):
    broken = [image.clone() for image in images]
    for image in broken:
        image[:, 30, 30] = torch.nan

    with pytest.raises(StageError, match=r"loss is nan at step 1 of 6.*learning_rate"):
        train_students(teacher, broken, TINY, seed=0)


def test_no_image_is_an_error_that_says_what_to_do(teacher):
    with pytest.raises(DatasetError, match=r"Found 0 training images.*Add normal images"):
        train_students(teacher, [], TINY, seed=0)


def test_one_image_is_enough_to_train(teacher, images):
    students = train_students(teacher, images[:1], TINY, seed=0)

    assert students.maps(images[0][None], teacher(images[0][None])).average().isfinite().all()


def test_one_student_alone_can_be_trained(teacher, images):
    local = train_students(teacher, images, replace(TINY, bottleneck=0), seed=0)
    autoencoder = train_students(teacher, images, replace(TINY, width=0), seed=0)

    assert local.autoencoder is None
    assert autoencoder.local is None


def test_a_canvas_that_is_not_square_and_a_grid_of_any_size_can_be_trained():
    images = toy_images(3, seed=0, height=64, width=128)
    teacher = fit_teacher(ToyBackbone(), [torch.stack(images)], channels=8, seed=0, grid=(11, 13))

    students = train_students(teacher, images, TINY, seed=0)

    assert students.maps(images[0][None], teacher(images[0][None])).average().shape == (1, 11, 13)


def test_the_teacher_sees_each_picture_once_per_step(teacher, images, monkeypatch):
    seen = []
    forward = Teacher.forward
    monkeypatch.setattr(Teacher, "forward", lambda self, image: seen.append(len(image)) or forward(self, image))

    train_students(teacher, images, replace(TINY, steps=2), seed=0)

    # Two images and their two jittered copies.
    assert seen == [4, 4]


def test_the_rate_falls_to_a_tenth_in_the_last_twentieth_of_the_steps(teacher, images, monkeypatch):
    rates = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: rates.append(self.param_groups[0]["lr"]) or step(self))

    train_students(teacher, images, replace(TINY, steps=20, learning_rate=1e-4), seed=0)

    assert rates == pytest.approx([1e-4] * 19 + [1e-5])


def test_only_the_students_that_the_line_names_are_trained():
    both = StudentTraining.of(LgstSettings(local_student="pdn", global_student="autoencoder", steps=7, batch=3))
    local = StudentTraining.of(LgstSettings(local_student="pdn"))

    assert (both.steps, both.batch, both.width, both.bottleneck) == (7, 3, 64, 64)
    assert (local.width, local.bottleneck) == (64, 0)
