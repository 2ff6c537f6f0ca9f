"""A tiny line ingested and evaluated, and models made worse on purpose."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from csad.config.line import ProductLine
from csad.scoring.model_folder import Manifest, read_manifest, read_tensors, write_model
from csad.stages import evaluation, ingest


@pytest.fixture(scope="session")
def ingested(tiny_line: ProductLine, tiny_line_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of `ingest`. Read only."""
    folder = tmp_path_factory.mktemp("ingested")
    ingest.run(tiny_line, tiny_line_data, folder)
    return folder


@pytest.fixture(scope="session")
def evaluated(
    tiny_line: ProductLine, ingested: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Output of `evaluation` for the tiny model. Read only."""
    folder = tmp_path_factory.mktemp("evaluated")
    evaluation.run(tiny_line, ingested, folder / "no_gallery", tiny_model, folder)
    return folder


@pytest.fixture(scope="session")
def without_tests(tiny_line: ProductLine, tiny_line_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of `ingest` for the same good images and no test images. Read only."""
    root = tmp_path_factory.mktemp("normals")
    for split in ("train", "validation"):
        shutil.copytree(tiny_line_data / split, root / "data" / split)
    ingest.run(tiny_line, root / "data", root / "ingested")
    return root / "ingested"


@pytest.fixture(scope="session")
def not_evaluated(
    tiny_line: ProductLine, without_tests: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Output of `evaluation` where there are no test images. Read only."""
    folder = tmp_path_factory.mktemp("not_evaluated")
    evaluation.run(tiny_line, without_tests, folder / "no_gallery", tiny_model, folder)
    return folder


@pytest.fixture(scope="session")
def remade(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the tiny model again with another manifest; files and checksums are sound."""

    def remake(change: Callable[[Manifest], Manifest]) -> Path:
        manifest = read_manifest(tiny_model)
        folder = tmp_path_factory.mktemp("remade")
        tensors = {Path(name).stem: read_tensors(tiny_model, Path(name).stem) for name in manifest.files}
        write_model(folder, change(manifest), tensors)
        return folder

    return remake


@pytest.fixture(scope="session")
def blind_model(remade: Callable[..., Path]) -> Path:
    """The tiny model with every branch weighing nothing: each image scores 0. Read only."""

    def blind(manifest: Manifest) -> Manifest:
        weights = dict.fromkeys(manifest.fusion.weights, 0.0)
        return manifest.model_copy(update={"fusion": manifest.fusion.model_copy(update={"weights": weights})})

    return remade(blind)


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path, str], Path]:
    """Copies a folder to a place where it may be changed."""

    def copy(source: Path, name: str) -> Path:
        shutil.copytree(source, tmp_path / name)
        return tmp_path / name

    return copy


@pytest.fixture
def edited(copied: Callable[[Path, str], Path], evaluated: Path) -> Callable[..., Path]:
    """The evaluation with some of its figures changed."""

    def edit(change: Callable[[dict], None]) -> Path:
        folder = copied(evaluated, "edited")
        figures = json.loads((folder / "evaluation.json").read_text())
        change(figures)
        (folder / "evaluation.json").write_text(json.dumps(figures))
        return folder

    return edit
