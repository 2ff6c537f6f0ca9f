"""Data that nobody wants, through the whole training: a model comes out, or an error that says what to do."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from csad.common.errors import DatasetError, ModelFolderError
from csad.images import read_rgb
from csad.scoring.scorer import Scorer
from csad.stages.training import train

GREY = (205, 205, 205)


def two_validation_images(data):
    """Fewer than five."""
    for image in sorted(data.glob("validation/good/*.png"))[2:]:
        image.unlink()


def one_component(data):
    """A single disc."""
    disc = np.hypot(*(np.mgrid[:128, :128] - 64)) < 20
    for index, image in enumerate(data.glob("*/good/*.png")):
        _write(image, np.where(disc[..., None], (200, 40, 40), GREY), index)


def no_component(data):
    """Nothing but background."""
    for index, image in enumerate(data.glob("*/good/*.png")):
        _write(image, np.full((128, 128, 3), GREY), index)


def several_sizes(data):
    """Every other image is larger."""
    for image in sorted(data.glob("*/good/*.png"))[::2]:
        with Image.open(image) as picture:
            picture.resize((200, 160)).save(image)


def foreign_names(data):
    """Spaces and letters beyond ASCII."""
    for index, image in enumerate(sorted(data.glob("*/good/*.png"))):
        image.rename(image.with_name(f"Prüfling Nr. {index} 部品.png"))


def _write(path, pixels, seed):
    noise = np.random.default_rng(seed).normal(0, 3, pixels.shape)
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(path)


@pytest.mark.parametrize(
    "spoil",
    [two_validation_images, one_component, no_component, several_sizes, foreign_names],
    ids=lambda spoil: spoil.__name__,
)
def test_odd_data_still_give_a_model_whose_scores_are_numbers(spoil, tiny_line, tiny_line_data, tmp_path):
    data = shutil.copytree(tiny_line_data, tmp_path / "data")
    spoil(data)

    train(tiny_line, data, tmp_path / "model", seed=0)

    scorer = Scorer.load(tmp_path / "model")
    images = [*data.glob("test/logical_anomalies/*.png"), *data.glob("validation/good/*.png")]
    for image in images:
        score = scorer.score(read_rgb(image))
        assert np.isfinite([score.value, *score.branches.values()]).all()
        assert np.isfinite(score.map).all()


def test_one_image_is_too_few_and_the_message_says_how_many_are_needed(tiny_line, tiny_line_data, tmp_path):
    (tmp_path / "data").mkdir()
    shutil.copy(tiny_line_data / "train/good/000.png", tmp_path / "data")

    with pytest.raises(DatasetError, match="expected at least 2 and 1"):
        train(tiny_line, tmp_path / "data", tmp_path / "model", seed=0)


def test_a_changed_byte_in_the_model_is_found(tiny_line, tiny_line_data, tmp_path):
    model = train(tiny_line, tiny_line_data, tmp_path / "model", seed=0).model
    largest = max(model.iterdir(), key=lambda file: file.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.unlink()
    largest.write_bytes(content)

    with pytest.raises(ModelFolderError, match=largest.name):
        Scorer.load(model)


PROGRAM = """
import resource, sys
from pathlib import Path
from csad.common.errors import CsadError
from csad.config.line import ProductLine
from csad.stages.training import train
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    train(ProductLine.from_file(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), seed=0)
except CsadError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_keeps_what_is_finished(tiny_line, tiny_line_data, tmp_path):
    (tmp_path / "line.yaml").write_text(tiny_line.to_yaml())
    arguments = [sys.executable, "-c", PROGRAM, tmp_path / "line.yaml", tiny_line_data, tmp_path / "model"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)

    assert done.stdout.startswith(f"cannot write {tmp_path}/model.stages/")
    assert "finished stages are kept" in done.stdout
    finished = {folder.name.split("-")[0] for folder in (tmp_path / "model.stages").glob("*-*") if not folder.suffix}
    assert {"ingest", "tagging", "masks"} <= finished < {"ingest", "tagging", "masks", "clustering", "segnet", "lgst"}
    assert not (tmp_path / "model").exists()
