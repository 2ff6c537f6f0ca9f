"""The exported tiny model in every runtime, and its test images."""

from pathlib import Path

import pytest

from csad.images import read_rgb, scan
from csad.scoring.runtimes.names import GRAPH_RUNTIMES
from csad.scoring.scorer import Scorer


@pytest.fixture(scope="session")
def photos(tiny_line, tiny_line_data):
    """Good, logical and structural test images, nine in all."""
    return [read_rgb(file.path) for file in scan(tiny_line_data, tiny_line).test]


@pytest.fixture(scope="session")
def reference(exported_model: Path):
    return Scorer.load(exported_model, runtime="torch")


@pytest.fixture(scope="session", params=GRAPH_RUNTIMES)
def graph(request, exported_model: Path):
    """The scorer in a runtime that computes the graph."""
    return Scorer.load(exported_model, runtime=request.param)
