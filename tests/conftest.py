"""Property tests draw the same examples every time, and a busy machine does not fail them.

`tiny_line_data` and `tiny_line` are a whole product line small enough to train in seconds.
"""

import logging
import uuid
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image, ImageDraw

from csad.config.line import ProductLine

if TYPE_CHECKING:
    from csad.store.embedded import EmbeddedStore
    from csad.store.settings import StoreSettings
    from tests.pretended_gpu import PretendedGpu

pytest_plugins = ["tests.accepted_model"]

settings.register_profile("csad", deadline=None, derandomize=True)
settings.load_profile("csad")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test printed travels between processes as UTF-8, which knows no half of a surrogate pair."""
    report = yield
    report.sections = [(title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections]
    return report


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Commands and tasks set up logging for their own process; the next test must not notice.

    Neither must the test itself of what fixtures of a wider scope have run: what pytest put there stays.
    """
    _reset_logging()
    yield
    _reset_logging()


def _reset_logging() -> None:
    root, own = logging.getLogger(), logging.getLogger("csad")
    root.handlers[:] = [handler for handler in root.handlers if type(handler).__module__.startswith("_pytest.")]
    root.setLevel(logging.WARNING)
    own.handlers.clear()
    own.setLevel(logging.NOTSET)
    own.propagate = True


@pytest.fixture(scope="session")
def _threads_of_the_process() -> int:
    """How many threads torch computes with before any test."""
    import torch

    return torch.get_num_threads()


@pytest.fixture(autouse=True)
def _threads_as_before(_threads_of_the_process: int) -> Iterator[None]:
    """A scorer sets the threads of its whole process; a network that the next test trains would become another."""
    yield
    import torch

    torch.set_num_threads(_threads_of_the_process)


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator["PretendedGpu"]:
    """A GPU on any machine: see `tests.pretended_gpu`."""
    from tests.pretended_gpu import PretendedGpu

    # Bit by bit alike are torch's features alone, and what computes here cannot be traced for another engine.
    monkeypatch.setattr("csad.features.compiled.ENGINE", "none, so that torch computes")
    with PretendedGpu() as pretended:
        yield pretended


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator["EmbeddedStore"]:
    """A real S3 server for all tests that leave it running; each keeps to a prefix of its own: see `own_store`."""
    from csad.store.embedded import EmbeddedStore

    with EmbeddedStore(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def own_store(s3: "EmbeddedStore") -> "StoreSettings":
    """An empty store: a prefix of its own on the shared server."""
    return replace(s3.settings, prefix=f"{uuid.uuid4().hex}/")


@pytest.fixture
def named_store(own_store: "StoreSettings", monkeypatch: pytest.MonkeyPatch) -> "StoreSettings":
    """An empty store that the environment names."""
    for name, value in own_store.to_environment().items():
        monkeypatch.setenv(name, value)
    return own_store


SIDE = 128
GREY, RED, GREEN, BLUE, BLACK = (205, 205, 205), (200, 40, 40), (40, 160, 60), (40, 60, 190), (20, 20, 20)


def draw_product(seed: int, missing: str = "", scratched: bool = False) -> Image.Image:
    """A red disc, a green square and a blue bar on grey, each moved by a few pixels."""
    generator = np.random.default_rng(seed)
    image = Image.new("RGB", (SIDE, SIDE), GREY)
    draw = ImageDraw.Draw(image)
    corners = {"disc": (22, 22), "square": (76, 24), "bar": (28, 82)}
    for part, corner in corners.items():
        x, y = (int(value) for value in np.array(corner) + generator.integers(-3, 4, 2))
        if part == missing:
            continue
        if part == "disc":
            draw.ellipse((x, y, x + 32, y + 32), fill=RED)
        elif part == "square":
            draw.rectangle((x, y, x + 28, y + 28), fill=GREEN)
        else:
            draw.rectangle((x, y, x + 70, y + 18), fill=BLUE)
    if scratched:
        draw.line((30, 30, 60, 100), fill=BLACK, width=3)
    noise = generator.normal(0, 3, (SIDE, SIDE, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture(scope="session")
def tiny_line_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LOCO layout: 10 train, 5 validation, test: 3 good, 3 logical (a part missing), 3 structural. Read only."""
    root = tmp_path_factory.mktemp("data") / "tiny"
    for index in range(10):
        save(draw_product(index), root / "train" / "good" / f"{index:03d}.png")
    for index in range(5):
        save(draw_product(100 + index), root / "validation" / "good" / f"{index:03d}.png")
    for index in range(3):
        save(draw_product(200 + index), root / "test" / "good" / f"{index:03d}.png")
        missing = ("disc", "square", "bar")[index]
        save(draw_product(300 + index, missing=missing), root / "test" / "logical_anomalies" / f"{index:03d}.png")
        save(draw_product(400 + index, scratched=True), root / "test" / "structural_anomalies" / f"{index:03d}.png")
        _save_truth(root, "logical_anomalies", index, missing)
        _save_truth(root, "structural_anomalies", index, "scratch")
    return root


DEFECTS = {
    "disc": (22, 22, 54, 54),
    "square": (76, 24, 104, 52),
    "bar": (28, 82, 98, 100),
    "scratch": (30, 30, 60, 100),
}


def _save_truth(root: Path, kind: str, index: int, defect: str) -> None:
    mask = Image.new("L", (SIDE, SIDE), 0)
    ImageDraw.Draw(mask).rectangle(DEFECTS[defect], fill=255)
    save(mask, root / "ground_truth" / kind / f"{index:03d}" / "000.png")


@pytest.fixture(scope="session")
def tiny_line() -> ProductLine:
    """A product line with the smallest budgets."""
    return ProductLine.from_yaml("""
name: tiny
images: {area: 16384}
pseudo_labels: {rotations: 2, bandwidth_quantile: 0.3, minimum_image_fraction: 0.5}
segmentation: {steps: 4, batch: 2}
histogram: {codebook_size: 8}
lgst: {max_components: 4, coreset_size: 200, steps: 4}
# Exporting takes as long as training such a line; `exported_model` has its graph.
runtime: {export: false}
# 15 good images show no rate: a threshold far above them, so that tests are not about a toy's false rejects.
threshold: {false_reject_rate: 0.001}
""")


@pytest.fixture(scope="session")
def tiny_training(tiny_line: ProductLine, tiny_line_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with `model` and `model.stages` of the tiny line, trained and evaluated once with seed 3. Read only."""
    from csad.stages.training import train

    folder = tmp_path_factory.mktemp("tiny")
    train(tiny_line, tiny_line_data, folder / "model", seed=3, evaluate=True)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_training: Path) -> Path:
    """The model folder of the tiny line. Read only."""
    return tiny_training / "model"


@pytest.fixture(scope="session")
def exported_model(
    tiny_line: ProductLine, tiny_line_data: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same model with its graph for ONNX Runtime and OpenVINO. Read only."""
    import shutil

    from csad.stages.training import train

    line = tiny_line.model_copy(update={"runtime": tiny_line.runtime.model_copy(update={"export": True})})
    folder = tmp_path_factory.mktemp("exported") / "model"
    shutil.copytree(f"{tiny_model}.stages", f"{folder}.stages", symlinks=True)
    return train(line, tiny_line_data, folder, seed=3).model
