import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from csad.common.errors import ImageError, ModelFolderError
from csad.images import read_rgb, scan
from csad.scoring.model_folder import read_manifest, read_tensors, write_model
from csad.scoring.scorer import Scorer


@pytest.fixture(scope="module")
def scorer(tiny_model):
    return Scorer.load(tiny_model)


@pytest.fixture(scope="module")
def images(tiny_line, tiny_line_data):
    """Good, logical and structural test images."""
    return [read_rgb(file.path) for file in scan(tiny_line_data, tiny_line).test]


@pytest.fixture(scope="module")
def together(scorer, images):
    return scorer.score_batch(images)


def test_a_score_has_every_branch_and_group_and_a_map_of_the_images_size(scorer, together, images):
    for score, image in zip(together, images, strict=True):
        assert {"global", "local", "words", "histogram", "lgst"} <= set(score.branches)
        assert np.isfinite([score.value, *score.branches.values()]).all()
        assert score.map.shape == image.shape[:2]
        assert score.map.dtype == np.float32
        assert score.map.min() >= 0
        assert np.isfinite(score.map).all()
        assert score.threshold == scorer.threshold
        assert score.anomalous == (score.value > score.threshold)


def test_an_image_scores_the_same_alone_and_in_a_batch(scorer, images, together):
    for image, expected in zip(images[::3], together[::3], strict=True):
        alone = scorer.score(image)
        assert alone.value == pytest.approx(expected.value, abs=1e-4, rel=1e-4)
        assert alone.branches == pytest.approx(expected.branches, abs=1e-3, rel=1e-3)
        assert alone.map == pytest.approx(expected.map, abs=1e-3)
        assert alone.explanations == expected.explanations


@settings(max_examples=3)
@given(order=st.permutations(range(4)))
def test_permuting_a_batch_permutes_its_scores(scorer, images, together, order):
    permuted = scorer.score_batch([images[index] for index in order])

    expected = [together[index].value for index in order]
    assert [score.value for score in permuted] == pytest.approx(expected, abs=1e-4, rel=1e-4)


def test_a_missing_part_scores_above_every_good_image(together):
    good, logical = ([score.value for score in together[start : start + 3]] for start in (0, 3))

    assert min(logical) > max(good)


def test_validation_images_score_what_the_manifest_remembers(scorer, tiny_line, tiny_line_data):
    files = scan(tiny_line_data, tiny_line).validation
    remembered = np.array(scorer.manifest.normal_scores)

    scores = [score.value for score in scorer.score_batch([read_rgb(file.path) for file in files])]

    assert all(np.abs(remembered - score).min() <= 1e-3 * max(1, abs(score)) for score in scores)


def test_a_training_image_scores_higher_as_if_it_were_new_than_it_does(scorer, tiny_line, tiny_line_data):
    """What the model has seen looks normal to it: such scores must not set the threshold."""
    files = scan(tiny_line_data, tiny_line).train
    seen = [score.value for score in scorer.score_batch([read_rgb(file.path) for file in files])]

    assert np.mean(seen) < np.mean(scorer.manifest.normal_scores)


def test_a_model_loads_with_the_settings_that_trained_it(scorer, tiny_line):
    assert scorer.line == tiny_line


def test_images_of_other_sizes_are_scored_and_mapped_at_their_own(scorer, images):
    large = np.asarray(Image.fromarray(images[0]).resize((200, 160)))

    scores = scorer.score_batch([large, images[0], np.zeros((1, 7, 3), np.uint8)])

    assert [score.map.shape for score in scores] == [(160, 200), (128, 128), (1, 7)]


def test_no_images_have_no_scores(scorer):
    assert scorer.score_batch([]) == []


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3))])
def test_what_is_no_rgb_image_is_refused_with_its_shape(scorer, image):
    with pytest.raises(ImageError, match=r"expected an RGB image, uint8 \(H, W, 3\), got"):
        scorer.score(image)


def test_a_folder_with_a_changed_byte_is_refused_by_file_name(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    file = folder / "teacher.safetensors"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(ModelFolderError, match=r"teacher\.safetensors was changed"):
        Scorer.load(folder)


def test_a_folder_that_lacks_a_part_is_refused(tiny_model, tmp_path):
    tensors = {"backbone": read_tensors(tiny_model, "backbone")}
    write_model(tmp_path / "model", read_manifest(tiny_model), tensors)

    with pytest.raises(ModelFolderError, match="copy the whole model folder again"):
        Scorer.load(tmp_path / "model")


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ModelFolderError, match="is no model folder"):
        Scorer.load(tmp_path / "none")


def test_the_border_of_a_good_image_is_usual_and_that_of_another_scene_is_not(scorer, images):
    usual, odd = scorer.background_score(images[0]), scorer.background_score(np.zeros((64, 64, 3), np.uint8))

    assert usual < 5 < odd
