"""A line whose product lies at any angle, from ingest to the scorer."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import load_file

from csad.cli import main
from csad.common.errors import StageError
from csad.gate.intake_task import pack_training
from csad.images import read_rgb, scan
from csad.images.registered import read_registration
from csad.runner.packed import unpack
from csad.runner.snapshot import Snapshot, open_snapshot
from csad.scorer import Scorer
from csad.stages import ingest
from csad.stages.lgst import STAGE as LGST
from csad.stages.training import train
from tests.conftest import GREY, draw_product, save


def turned(image, degrees):
    """On a larger ground, so that no angle brings the product to the border."""
    ground = Image.new("RGB", (192, 192), GREY)
    ground.paste(image, (32, 32))
    noisy = np.asarray(ground.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=GREY)).astype(float)
    noisy += np.random.default_rng(int(degrees)).normal(0, 2, noisy.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("turned")
    for index in range(12):
        save(turned(draw_product(index), 31 * index), root / f"train/good/{index:03d}.png")
    for index in range(5):
        save(turned(draw_product(100 + index), 71 * index), root / f"validation/good/{index:03d}.png")
    save(turned(draw_product(200), 200), root / "test/good/000.png")
    return root


@pytest.fixture(scope="module")
def model(tiny_line, data, tmp_path_factory):
    return Scorer.load(train(tiny_line, data, tmp_path_factory.mktemp("model") / "model", seed=0).model)


def test_ingest_brings_good_images_to_one_pose_and_leaves_test_images(tiny_line, data, tmp_path):
    summary = ingest.run(tiny_line, data, tmp_path / "images")

    assert summary.registered == 17
    assert "17 good images brought to one pose" in summary.headline()
    poses = [read_rgb(tmp_path / f"images/train/good/{index:03d}.png").astype(float) for index in range(12)]
    # Parts move by 3 px in each product, so they differ a little still.
    assert np.abs(np.array(poses) - np.median(poses, axis=0)).mean() < 12
    assert (tmp_path / "images/test/good/000.png").read_bytes() == (data / "test/good/000.png").read_bytes()
    assert set(load_file(tmp_path / "images/registration.safetensors")) == {"template", "radius"}


def test_the_data_keep_their_digest_and_stages_know_the_pose(tiny_line, data, tmp_path):
    without = tiny_line.model_copy(update={"images": tiny_line.images.model_copy(update={"registration": "none"})})

    ingest.run(tiny_line, data, tmp_path / "registered")
    ingest.run(without, data, tmp_path / "plain")

    digest = scan(data, tiny_line).training_digest
    snapshots = [Snapshot.find(tmp_path / name) for name in ("registered", "plain")]
    assert [snapshot.training_digest for snapshot in snapshots] == [digest, digest]
    keys = [LGST.key(tiny_line, 0, {"images": tmp_path / name}) for name in ("registered", "plain")]
    assert keys[0] != keys[1]


def test_a_packed_training_set_brings_its_registration(tiny_line, data, tmp_path):
    ingest.run(tiny_line, data, tmp_path / "images")

    pack_training(tmp_path / "images", tmp_path / "training.tar")
    unpack(tmp_path / "training.tar", tmp_path / "there")

    opened = open_snapshot(tmp_path / "there")
    assert len(opened.train) == 12
    assert read_registration(opened.root).radius == read_registration(tmp_path / "images").radius


def test_registered_images_without_their_registration_are_refused(tiny_line, data, tmp_path):
    ingest.run(tiny_line, data, tmp_path / "images")
    (tmp_path / "images/registration.safetensors").unlink()

    with pytest.raises(StageError, match=r"lacks the registration\.safetensors .*; run ingest again"):
        open_snapshot(tmp_path / "images")


def test_images_in_which_no_product_stands_out_are_named(tiny_line, data, tmp_path, caplog):
    for file in sorted(data.rglob("*.png")):
        save(Image.open(file), tmp_path / "data" / file.relative_to(data))
    save(Image.new("RGB", (192, 192), GREY), tmp_path / "data/validation/good/004.png")

    with caplog.at_level("WARNING", "csad"):
        ingest.run(tiny_line, tmp_path / "data", tmp_path / "images")

    assert "in 1 of 17 good images no product stands out; they keep their pose: validation/good/004" in caplog.text


def test_a_product_scores_alike_at_every_angle(model, data):
    scores = [model.score(np.asarray(turned(draw_product(300), angle))).value for angle in (0, 50, 140, 275)]

    normal = model.manifest.normal_scores
    assert np.ptp(scores) < np.ptp(normal)


def test_a_defect_is_shown_where_it_lies_in_the_image(model):
    image = np.asarray(turned(draw_product(301), 90)).copy()
    image[90:102, 90:102] = (255, 255, 0)

    score = model.score(image)

    assert score.map.shape == (192, 192)
    row, column = np.unravel_index(score.map.argmax(), score.map.shape)
    assert np.hypot(row - 96, column - 96) < 16


def test_an_image_without_product_says_so(model):
    score = model.score(np.full((192, 192, 3), 205, np.uint8))

    assert "no product stands out" in score.explanations[0]
    assert score.anomalous


def test_the_command_says_what_it_will_do(data, tmp_path):
    file = tmp_path / "line.yaml"
    file.write_text("name: turned\nimages: {area: 16384}\n")
    result = CliRunner().invoke(main, ["line", "check", str(file), "--data", str(data)])

    assert "bring the product, which lies at any angle, to one pose" in result.output
    assert result.exit_code == 0
